JET = {"JetEta": "Jet_eta[i]", "JetPhi": "Jet_phi[i]", "JetA": "Jet_area[i]"}
JET |= {"Rho": RHO, "run": "double(run)"}


def jec_call(kind, place, pt):
    """C++ that asks a loaded correction for jet i, its inputs by name."""
    inputs = getattr(ROOT, kind)[place].inputs()
    values = [{**JET, "JetPt": f"{pt}[i]"}[str(entry.name())] for entry in inputs]
    return f"{kind}[{place}]->evaluate({{{', '.join(values)}}})"


def for_each_jet(value):
    loop = "for (std::size_t i = 0; i < Jet_eta.size(); ++i) result[i] ="
    return f"ROOT::RVecD result(Jet_eta.size()); {loop} {value}; return result;"
