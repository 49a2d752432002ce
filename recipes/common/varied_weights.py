PDF = [f"pdf_{i}" for i in range(LENGTHS["LHEPdfWeight"])]
WEIGHTED = ["nominal", *MOVED, *PDF]
VARIATIONS = [*WEIGHTED, *(f"{s}_{way}" for s in SOURCES for way in ("up", "down"))]


def listed(events, branch):
    """Each weight of a list; ones where an event has no list."""
    found, length = events[branch], LENGTHS[branch]
    if ak.any((ak.num(found) != length) & (ak.num(found) > 0)):
        raise ValueError(f"{branch}: not {length} weights in each event; see LENGTHS")
    found = ak.fill_none(ak.pad_none(found, length, clip=True), 1.0)
    return ak.to_numpy(found).reshape(-1, length).T


def varied_weights(events, muon, pileup, muons):
    """Weights of the events, by variation."""
    n, weight = events.Pileup.nTrueInt, events.metadata["scale"] * events.genWeight
    pileup = [pileup.evaluate(n, way) for way in WAYS]
    muon_id = [muons.evaluate(muon.eta, muon.pt, way) for way in MUON_WAYS]
    tops = events.GenPart[abs(events.GenPart.pdgId) == 6]
    tops = ak.values_astype(tops[tops.hasFlags("isLastCopy")].pt, "float64")
    lists = {branch: listed(events, branch) for branch in LENGTHS}
    nominal = weight * pileup[0] * muon_id[0]
    result = [nominal, *(weight * p * muon_id[0] for p in pileup[1:])]
    result += [weight * pileup[0] * m for m in muon_id[1:]]
    result += [nominal * lists[b][i] for b, *places in MEMBERS.values() for i in places]
    result += [nominal * np.sqrt(ak.prod(np.exp(0.0615 - 0.0005 * tops), axis=1))]
    return dict(zip(WEIGHTED, [*result, *(nominal * p for p in lists["LHEPdfWeight"])]))
