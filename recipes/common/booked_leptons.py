def booked_leptons(df, files):
    """Histograms of the leading lepton: one fill takes the weights of all ways."""
    names = ["nominal", *(f"{name}_{way}" for name in FACTORS for way in ("up", "down"))]
    df = df.Define("weighting", f"ROOT::VecOps::Range({len(names)})")
    result = {}
    for column, (label, edges) in AXES.items():
        axes = range(len(files) + 1), range(len(names) + 1), edges
        bins = [x for e in axes for x in (len(e) - 1, np.array(e, dtype=float))]
        model = column, f";process;weighting;{label}", *bins
        columns = "process", "weighting", f"leading_{column}", "weights"
        result[column] = df.Histo3D(model, *columns)
    return {name: labelled(h.GetValue(), files, names) for name, h in result.items()}
