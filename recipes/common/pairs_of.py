def pairs_of(tags, muons):
    """Each tag with each muon of the other charge, and their mass."""
    pairs = ak.cartesian({"tag": tags, "probe": muons})
    pairs = pairs[pairs.tag.charge != pairs.probe.charge]
    pairs["mass"] = (in_double(pairs.tag) + in_double(pairs.probe)).mass
    return pairs
