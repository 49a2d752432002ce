def one_muon(events):
    muons = events.Muon
    good = muons.tightId & (muons.pfRelIso04_all < MUON_MAX_ISOLATION)
    muons = muons[good & (muons.pt > MUON_MIN_PT) & (abs(muons.eta) < MUON_MAX_ETA)]
    one = ak.num(muons) == 1
    return events[one], muons[one][:, 0]


def shifted_jets(jets, muon, sources):
    """Momenta of the jets by variation: nominal, and each source up and down."""
    jets = jets[(abs(jets.eta) < JET_MAX_ETA) & (jets.delta_r(muon) > JET_DELTA_R)]
    pt = ak.values_astype(jets.pt, "float64")
    yield "nominal", pt
    for name, source in sources.items():
        size = source.evaluate(jets.eta, pt)
        yield from ((f"{name}_up", pt * (1 + size)), (f"{name}_down", pt * (1 - size)))
