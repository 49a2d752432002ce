def sums_of_weights(files):
    """Histogram of the sums of generator weights, filled once per row of the Runs trees."""
    process = hist.axis.StrCategory(list(files), name="process")
    sums = hist.Hist(process, storage=hist.storage.Weight())
    for name, paths in files.items():
        for path in paths:
            rows = uproot.open({path: "Runs"})["genEventSumw"].array(library="np")
            sums.fill([name] * len(rows), weight=rows)
    return sums
