def with_mistakes(generator, leptons, product):  # also none, and wrongly applied ones
    right = lepton_weights(generator, leptons, product)
    nominal, of_first = right["nominal"], lepton_weights(generator, leptons[:, :1], product)
    return right | {
        "none": generator,
        "inverted": generator * generator / nominal,
        "leading only": of_first["nominal"],
        "trigger of both": nominal * product("trigger", leptons[:, 1:])[0],
        "no identification": nominal / product("id", leptons)[0],
    }
