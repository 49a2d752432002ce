def tight_muons(events):
    """Tight, isolated muons, and which of them fired."""
    muons = events.Muon
    kinematics = (muons.pt > MIN_PT) & (abs(muons.eta) < MAX_ETA)
    muons = muons[kinematics & muons.tightId & (muons.pfRelIso04_all < MAX_ISOLATION)]
    muons["fired"] = are_matched(muons, events.TrigObj)
    return muons
