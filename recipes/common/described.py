def described(files):
    """The fileset; simulation carries what one unit of generator weight counts."""
    fileset = {}
    for name, paths in files.items():
        about = {"scale": None}
        if name not in DATA:
            sums = (uproot.open({path: "Runs"})["genEventSumw"].array() for path in paths)
            total = np.float64(SUM_OF_WEIGHTS.get(name) or sum(map(np.sum, sums)))
            assert total, f"{name}: the weights of {', '.join(paths)} sum to zero"
            about["scale"] = CROSS_SECTION[name] * LUMINOSITY / total
        fileset[name] = {"treename": "Events", "files": list(paths), "metadata": about}
    return fileset
