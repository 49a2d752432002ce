def histograms_of(templates, shapes):
    """What the file holds, by path: channel/process, channel/process_nameUp and Down."""
    axis, content = templates.axes["ht"], {}
    for process, channel in product(templates.axes[0], CHANNELS):
        nominal = templates[process, channel, "nominal", :]
        nominal.view().value = np.maximum(nominal.values(), 0)
        content[f"{channel}/{process}"] = nominal
    for (channel, process, name), ways in shapes.items():
        for way, values in zip(("Up", "Down"), ways):
            content[f"{channel}/{process}_{name}{way}"] = hist.Hist(axis, data=values)
    return content
