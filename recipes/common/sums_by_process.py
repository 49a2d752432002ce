def sums_by_process(files):
    """Histogram of the sums of generator weights, one labelled bin per dataset."""
    model = ("sum_of_weights", "", len(files), 0, len(files))
    h = per_sample("Runs", files).Histo1D(model, "process", "genEventSumw").GetValue()
    return labelled(h, files)
