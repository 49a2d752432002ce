def booked_templates(df, processes):
    """One fill: a row for each variation in which the event has two jets."""
    shift = [0] * len(WEIGHTED) + [*range(1, 1 + 2 * len(SOURCES))]
    row = [*range(len(WEIGHTED))] + [0] * 2 * len(SOURCES)
    lists = {"shift": shift, "row": row, "each": range(len(VARIATIONS))}
    for name, numbers in lists.items():
        df = df.Define(name, f"ROOT::RVec<std::size_t>{{{', '.join(map(str, numbers))}}}")
    used = f"[](const ROOT::RVecD &pt) {{ return ROOT::RVecD(pt[pt > {JET_MIN_PT}]); }}"
    df = df.Define("momenta", f"return Map(shifts, {used});")
    size = "[](const ROOT::RVecD &pt) { return int(pt.size()); }"
    df = df.Define("jets", f"return Take(Map(momenta, {size}), shift);")
    total = f"[](const ROOT::RVecD &pt) {{ return std::min(Sum(pt), {EDGES[-1] - 1}); }}"
    df = df.Define("ht", f"return Take(Map(momenta, {total}), shift)[jets >= 2];")
    df = df.Define("weight", "Take(weights, row)[jets >= 2]")
    df = df.Define("variation", "each[jets >= 2]").Define(
        "channel", "(jets >= 3)[jets >= 2]"
    )
    edges = [[*range(n + 1)] for n in (len(processes), len(CHANNELS), len(VARIATIONS))]
    edges = [ROOT.std.vector["double"](x) for x in (*edges, EDGES)]
    bins = [len(x) - 1 for x in edges]
    model = ROOT.RDF.THnDModel(
        "templates", f";process;channel;variation;{LABEL}", 4, bins, edges
    )
    return df.HistoND(model, ["process", "channel", "variation", "ht", "weight"])
