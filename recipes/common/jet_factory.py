NAMES = {"JetPt": "pt", "JetMass": "mass", "JetEta": "eta", "JetPhi": "phi", "JetA": "area"}
NAMES |= {"ptRaw": "pt_raw", "massRaw": "mass_raw", "Rho": "Rho", "run": "run"}
NAMES["ptGenJet"] = "pt_gen"  # for smearing: not read here, but coffea warns without it


def jet_factory(kind, sources=None):
    """coffea's correction of simulation (MC) or data (DATA), and its sources."""
    stack = CorrectionLibJECStack.from_file(JERC, TAG, kind, ALGORITHM, unc_sources=sources)
    return CorrectedJetsFactory(NAMES, stack)
