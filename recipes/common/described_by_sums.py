def described(files, sums):
    """The fileset, with the scale of each simulated dataset; data have none."""
    fileset = {}
    for name, paths in files.items():
        scale = (
            None if name in DATA else CROSS_SECTION[name] * LUMINOSITY / sums[name].value
        )
        fileset[name] = {
            "treename": "Events",
            "files": list(paths),
            "metadata": {"scale": scale},
        }
    return fileset
