ACCEPTED = f"(TrigObj_filterBits & {TRIGGER_BIT}) == {TRIGGER_BIT}"
NEAR = f"hypot(TrigObj_eta - eta, DeltaPhi(TrigObj_phi, phi)) < {MAX_DELTA_R}"
MATCH = f"[&](float eta, float phi) {{ return Any(accepted && {NEAR}); }}"


def with_matches(df):
    df = df.Define("accepted", f"TrigObj_id == {TRIGGER_ID} && {ACCEPTED}")
    return df.Define("muon_fired", f"return Map(muon_eta, muon_phi, {MATCH})")
