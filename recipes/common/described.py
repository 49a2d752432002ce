def described(files):
    """The fileset; simulation carries what one unit of generator weight counts."""
    fileset = {}
    for name, paths in files.items():
        scale = None
        if name not in DATA:
            runs = [uproot.open({path: "Runs"})["genEventSumw"] for path in paths]
            total = sum(branch.array(library="np").sum() for branch in runs)
            scale = CROSS_SECTION[name] * LUMINOSITY / total
        about = {"files": list(paths), "metadata": {"scale": scale}}
        fileset[name] = {"treename": "Events", **about}
    return fileset
