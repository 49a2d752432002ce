def scale_of_weights(files):
    """Factor of each dataset's generator weight; one, and not used, for data."""
    simulated = {name: paths for name, paths in files.items() if name not in DATA}
    model = ("sums", "", len(simulated), 0, len(simulated))
    sums = per_sample("Runs", simulated).Histo1D(model, "process", "genEventSumw")
    scale = dict.fromkeys(files, 1.0)
    for i, name in enumerate(simulated, start=1):
        scale[name] = CROSS_SECTION[name] * LUMINOSITY / sums.GetBinContent(i)
    return scale
