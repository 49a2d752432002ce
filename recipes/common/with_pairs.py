def with_pairs(df):
    """Each tag with each muon of the other charge, and their mass."""
    p4 = "Construct<ROOT::Math::PtEtaPhiMVector>(muon_pt, muon_eta, muon_phi, muon_mass)"
    df = df.Define("p4", f"ROOT::VecOps::{p4}")
    df = df.Define("tag", f"muon_fired && muon_pt > {TAG_MIN_PT}")
    df = df.Define("pairs", "tag_and_probe(tag, muon_charge, p4)")
    df = df.Define("probe_fired", "Take(muon_fired, pairs.probe)")
    df = df.Define("probe_abs_eta", "abs(Take(muon_eta, pairs.probe))")
    return df.Define("probe_pt", "Take(muon_pt, pairs.probe)")
