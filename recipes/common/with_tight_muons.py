GOOD = f"Muon_pt > {MIN_PT} && abs(Muon_eta) < {MAX_ETA} && Muon_tightId"
GOOD += f" && Muon_pfRelIso04_all < {MAX_ISOLATION}"


def with_tight_muons(df):
    """Tight, isolated muons, and which of them fired."""
    df = df.Define("good", GOOD)
    for branch in ("Muon_pt", "Muon_eta", "Muon_phi", "Muon_mass", "Muon_charge"):
        df = df.Define(branch.lower(), f"{branch}[good]")
    return with_matches(df)
