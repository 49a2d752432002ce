def scales(files, sums):
    """The factor of each dataset's generator weight; data keep their weight of one."""
    scale = dict.fromkeys(files, 1.0)
    for i in range(1, sums.GetNbinsX() + 1):
        name = sums.GetXaxis().GetBinLabel(i)
        scale[name] = CROSS_SECTION[name] * LUMINOSITY / sums.GetBinContent(i)
    return scale
