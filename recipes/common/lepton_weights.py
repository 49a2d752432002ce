def lepton_weights(generator, leptons, product):
    """Weights of the events by name; `product` is that of a factor over leptons."""
    weights = Weights(len(generator))
    weights.add("generator", generator)
    for name in FACTORS:
        asked = leptons[:, :1] if name == "trigger" else leptons
        weights.add(name, *product(name, asked))
    varied = [(name, way) for name in FACTORS for way in ("Up", "Down")]
    found = {f"{name}_{way.lower()}": weights.weight(name + way) for name, way in varied}
    return {"nominal": weights.weight(), **found}
