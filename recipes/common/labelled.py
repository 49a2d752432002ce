def labelled(h, *categories):
    """The histogram with names on its first axes."""
    any_number = hasattr(h, "GetListOfAxes")
    axes = h.GetListOfAxes() if any_number else (h.GetXaxis(), h.GetYaxis())
    for axis, names in zip(axes, categories):
        for i, name in enumerate(names, start=1):
            axis.SetBinLabel(i, name)
    return h
