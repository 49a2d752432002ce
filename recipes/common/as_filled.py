def as_filled(h, row):
    """Nominal, up and down of one template; a bin without nominal events stays empty."""
    nominal, source = np.maximum(h["nominal", :].values(), 0), row["source"]
    found = {name: np.where(nominal > 0, h[name, :].values(), 0) for name in h.axes[0]}
    wanted = ["pdf_0"] if source == "PDF" else [f"{source}_{way}" for way in ("up", "down")]
    for name in wanted[:1] if "down" in row else wanted:
        if name not in found:
            raise ValueError(f"{row['name']}: no variation {name} was filled")
    if source == "PDF":  # of a Hessian set: the quadratic sum of what its members move
        members = np.array([found[name] for name in found if name.startswith("pdf_")])
        size = np.linalg.norm(members[1 : 1 + EIGENVECTORS] - members[0], axis=0)
        return nominal, nominal + size, nominal - size
    sides = {"mirror": 2 * nominal - found[wanted[0]], "nominal": nominal}
    down = sides[row["down"]] if "down" in row else found[wanted[1]]
    return nominal, found[wanted[0]], down


def smoothed(nominal, varied):
    """The ratio to nominal smoothed, the yield kept."""
    ratio = np.divide(varied, nominal, out=np.ones_like(nominal), where=nominal > 0)
    result = smooth_353qh_twice(ratio) * nominal
    return result * (varied.sum() / result.sum()) if result.sum() > 0 else varied
