def treated(nominal, up, down, row):
    """Up and down, smooth and symmetric where the row says so; nowhere below zero."""
    if row.get("smooth"):
        up, down = smoothed(nominal, up), smoothed(nominal, down)
    if row.get("symmetrise"):
        up, down = nominal + (up - down) / 2, nominal + (down - up) / 2
    return [np.maximum(varied, 1e-3 * nominal) for varied in (up, down)]


def split(nominal, ways, prune):
    """Yields and shapes apart; one that moves less than the threshold is left out."""
    yields = [way.sum() / nominal.sum() for way in ways]
    shapes = [way / one for way, one in zip(ways, yields)]
    moved = [abs(shape - nominal)[nominal > 0] / nominal[nominal > 0] for shape in shapes]
    yields = yields if max(abs(one - 1) for one in yields) >= prune else None
    return yields, shapes if np.max(moved) >= prune else None
