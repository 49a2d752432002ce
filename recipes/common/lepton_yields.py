simulated = [name for name in FILES if name not in DATA]
ETA = next(iter(AXES))


def expected(weighting):
    return sum(by_mistake[ETA][name, weighting, :] for name in simulated)


def observed():
    return sum(by_mistake[ETA][name, "nominal", :] for name in DATA)


def compared(*weightings):
    return {name: expected(name) for name in weightings}
