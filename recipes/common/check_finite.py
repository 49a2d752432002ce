def check_finite(names, sums):
    """End the run where the weights under a name do not have a finite sum."""
    bad = [name for name, total in zip(names, sums) if not abs(total) < float("inf")]
    if bad:
        raise ValueError(f"weights that are infinite or not a number: {', '.join(bad)}")
