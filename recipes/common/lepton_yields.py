ETA = next(iter(AXES))


def expected(weighting):
    return sum(by_mistake[ETA][name, weighting, :] for name in FILES if name not in DATA)


def observed():
    return sum(by_mistake[ETA][name, "nominal", :] for name in DATA)


def compared(*weightings):
    return {name: expected(name) for name in weightings}
