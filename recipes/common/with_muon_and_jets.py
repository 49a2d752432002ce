def with_muon_and_jets(df):
    good = f"Muon_tightId && Muon_pfRelIso04_all < {MUON_MAX_ISOLATION}"
    good += f" && Muon_pt > {MUON_MIN_PT} && abs(Muon_eta) < {MUON_MAX_ETA}"
    df = df.Define("good", good).Filter("Sum(good) == 1")
    for name in ("pt", "eta", "phi"):
        df = df.Define(f"muon_{name}", f"Muon_{name}[good][0]")
    near = "ROOT::VecOps::DeltaR(eta, muon_eta, phi, muon_phi)"
    away = f"[&](float eta, float phi) {{ return {near} > {JET_DELTA_R}; }}"
    central = f"abs(Jet_eta) < {JET_MAX_ETA}"
    df = df.Define("used", f"return {central} && Map(Jet_eta, Jet_phi, {away});")
    return df.Define("shifts", "template_shifts(Jet_pt[used], Jet_eta[used])")
