def nuisance_model(templates, rows):
    """Shapes and rates, up and down, by channel, process and name; pruned ones left out."""
    shapes, rates = {}, {}
    for row, process, channel in product(rows, templates.axes[0], CHANNELS):
        key, h = (channel, process, row["name"]), templates[process, channel, :, :]
        if not applies(row, process, channel) or not h["nominal", :].values().max() > 0:
            continue
        if row["kind"] == "rate":
            rates[key] = row["value"], 1 / row["value"]
            continue
        nominal, *ways = as_filled(h, row)
        ways = treated(nominal, *ways, row)
        yields, moved = split(nominal, ways, row.get("prune", PRUNE))
        if yields and row["kind"] == "split":
            rates[key] = tuple(map(float, yields))
        elif yields:
            moved = [one * (moved or [nominal] * 2)[i] for i, one in enumerate(yields)]
        if moved:
            shapes[key] = tuple(moved)
    return shapes, rates
