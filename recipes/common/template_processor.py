def template_processor(processes):
    pileup = CorrectionSet.from_file(PILEUP)[PILEUP_KEY]
    muons, jerc = CorrectionSet.from_file(MUONS)[MUON_KEY], CorrectionSet.from_file(JERC)
    sources = {name: jerc[f"{TAG}_MC_{name}_{ALGORITHM}"] for name in SOURCES}
    names = {"process": list(processes), "channel": CHANNELS, "variation": VARIATIONS}

    def process(events):
        axes = [hist.axis.StrCategory(names[axis], name=axis) for axis in names]
        axes += [hist.axis.Variable(EDGES, name="ht", label=LABEL)]
        h = hist.Hist(*axes, storage="weight")
        events, muon = one_muon(events)
        weights = varied_weights(events, muon, pileup, muons)
        for shift, pt in shifted_jets(events.Jet, muon, sources):
            n, ht = ak.sum(pt > JET_MIN_PT, axis=1), ak.sum(pt[pt > JET_MIN_PT], axis=1)
            some = np.asarray(n >= 2)
            at = {"process": events.metadata["dataset"]}
            at["channel"] = np.array(CHANNELS)[np.asarray(n[some] >= 3, int)]
            at["ht"] = np.minimum(ht[some], EDGES[-1] - 1)
            for name in WEIGHTED if shift == "nominal" else [shift]:
                weight = weights.get(name, weights["nominal"])
                h.fill(**at, variation=name, weight=weight[some])
        return {"templates": h}

    return process
