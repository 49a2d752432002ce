def with_generator(df, files, *branches):
    """One, or an empty list, where data lack a branch, in the branch's own type.

    Data come first: with one thread ROOT 6.40 crashes on a list that a later file lacks.
    """
    simulated = [paths[0] for name, paths in files.items() if name not in DATA]
    for branch in branches:  # of data alone no value is used
        kind = "float"
        if simulated:
            kind = ROOT.RDataFrame("Events", simulated[0]).GetColumnType(branch)
        _, is_list, inner = kind.rstrip(">").partition("RVec<")
        df = df.DefaultValueFor[kind](branch, ROOT.RVec[inner]() if is_list else 1)
    return df
