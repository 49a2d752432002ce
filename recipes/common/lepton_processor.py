def processor_of(names, weights, select):
    maps = CorrectionSet.from_file(SCALE_FACTORS)

    def process(events):
        scale, dataset = events.metadata["scale"], events.metadata["dataset"]
        events, leptons = select(events)
        ones = [np.ones(len(leptons)) for way in WAYS]
        generator, product = ones[0], lambda name, leptons: ones
        if scale is not None:
            generator, product = scale * events.genWeight, partial(products, maps)
        found = weights(generator, leptons, product)
        return lepton_histograms(names, dataset, found, leptons[:, 0])

    return process
