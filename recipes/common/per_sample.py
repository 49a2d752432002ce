def per_sample(tree, files, **metadata):
    """A data frame over all datasets, data first; numbers by dataset become columns."""
    spec = ROOT.RDF.Experimental.RDatasetSpec()
    for name in sorted(files, key=lambda name: name not in DATA):
        about = ROOT.RDF.Experimental.RMetaData()
        about.Add("process", list(files).index(name))
        for key, values in metadata.items():
            about.Add(key, float(values[name]))
        spec.AddSample(ROOT.RDF.Experimental.RSample(name, tree, list(files[name]), about))
    df = ROOT.RDataFrame(spec).DefinePerSample("process", 'rdfsampleinfo_.GetI("process")')
    for key in metadata:
        df = df.DefinePerSample(key, f'rdfsampleinfo_.GetD("{key}")')
    return df
