def uncorrected(events):
    """The jets with their raw momentum and mass, and what corrections ask of the event."""
    jets = events.Jet
    for name in ("pt", "mass"):
        jets[f"{name}_raw"] = jets[name] * (1 - jets.rawFactor)
    jets["Rho"], jets["run"] = events[*RHO.split("_")], events.run
    return jets
