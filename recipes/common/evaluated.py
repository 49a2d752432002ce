def evaluated(correction, leptons, texts):
    """A factor for each lepton; the file says what it takes, and in which order."""
    known = texts | {name: leptons[column] for name, column in INPUTS.items()}
    return correction.evaluate(*(known[entry.name] for entry in correction.inputs))
