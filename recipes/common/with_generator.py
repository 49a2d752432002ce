def with_generator(df, files, *branches):
    """One, or an empty list, where data lack a branch, in the branch's own type.

    With one thread, ROOT 6.40 crashes on a list that a file lacks after one that has it:
    files of data come first, as per_sample sorts them. Numbers may be in any order.
    """
    simulated = [paths[0] for name, paths in files.items() if name not in DATA]
    if not simulated:  # data alone, for which no value is used
        for branch in branches:
            df = df.DefaultValueFor["float"](branch, 1)
        return df
    with ROOT.TFile.Open(simulated[0]) as file:
        for branch in branches:
            leaf = file["Events"].GetLeaf(branch)
            kind = leaf.GetTypeName()
            if leaf.GetLeafCount():  # it has a length: a list
                empty, kind = ROOT.RVec[kind](), f"ROOT::VecOps::RVec<{kind}>"
                df = df.DefaultValueFor[kind](branch, empty)
            else:
                df = df.DefaultValueFor[kind](branch, 1)
    return df
