def pair_mass(muons):
    """Invariant mass of exactly two muons per event, in GeV."""
    p4 = ak.values_astype(muons[["pt", "eta", "phi", "mass"]], np.float64)
    p4 = ak.with_name(p4, "PtEtaPhiMLorentzVector")
    return (p4[:, 0] + p4[:, 1]).mass
