def labelled(h, *categories):
    """The histogram with names on its first axes."""
    axes = getattr(h, "GetListOfAxes", lambda: (h.GetXaxis(), h.GetYaxis()))()
    for axis, names in zip(axes, categories):
        for i, name in enumerate(names, start=1):
            axis.SetBinLabel(i, name)
    return h
