def in_double(muons):
    """For bitwise agreement: RDataFrame adds vectors in double precision."""
    p4 = ak.values_astype(muons[["pt", "eta", "phi", "mass"]], np.float64)
    return ak.with_name(p4, "PtEtaPhiMLorentzVector")
