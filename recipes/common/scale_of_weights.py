def sum_of_weights(path):
    """Of all generated events: a few rows, too few to compile a data frame for."""
    with ROOT.TFile.Open(path) as file:  # its error names the file
        runs = file.Get("Runs")
        if not (runs and runs.GetBranch("genEventSumw")):
            raise ValueError(f"{path}: no branch genEventSumw in a tree Runs")
        return sum(row.genEventSumw for row in runs)


def scale_of_weights(files):
    """Factor of each dataset's generator weight; one, and not used, for data."""
    sums = {n: sum(map(sum_of_weights, files[n])) for n in files if n not in DATA}
    return {n: LUMINOSITY * CROSS_SECTION[n] / sums[n] if n in sums else 1.0 for n in files}
