def lepton_histograms(names, dataset, weights, leading):  # by process and weighting
    labels = {"process": names, "weighting": list(weights)}
    axes = [hist.axis.StrCategory(values, name=name) for name, values in labels.items()]
    result = {}
    for column, (label, edges) in AXES.items():
        axis = hist.axis.Variable(edges, name=column, label=label)
        result[column] = hist.Hist(*axes, axis, storage="weight")
        for name, weight in weights.items():
            result[column].fill(dataset, name, leading[column], weight=weight)
    return result
