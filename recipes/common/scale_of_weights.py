def sum_of_weights(path):
    """Of all generated events: a few rows, too few to compile a data frame for."""
    with ROOT.TFile.Open(path) as file:  # its error names the file
        runs = file.Get("Runs")
        if not (runs and runs.GetBranch("genEventSumw")):
            raise ValueError(f"{path}: no branch genEventSumw in a tree Runs")
        return sum(row.genEventSumw for row in runs)


def scale_of_weights(files):
    """Factor of each dataset's generator weight; one, and not used, for data."""
    scales = dict.fromkeys(files, 1.0)
    for name in files.keys() - set(DATA):
        total = SUM_OF_WEIGHTS.get(name) or sum(map(sum_of_weights, files[name]))
        assert total, f"{name}: the weights of {', '.join(files[name])} sum to zero"
        scales[name] = CROSS_SECTION[name] * LUMINOSITY / total
    return scales
