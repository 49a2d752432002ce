def applies(row, process, channel):
    wanted = any(fnmatchcase(process, pattern) for pattern in row["processes"])
    return wanted and channel in row.get("channels", CHANNELS)


def nuisance_rows(text, processes):
    """The rows of the table; an error names each that has a fault."""
    rows, names, faults = yaml.safe_load(text), [], []
    for i, row in enumerate(rows, 1):
        found = [error.message for error in Draft202012Validator(SCHEMA).iter_errors(row)]
        if row.get("name") in names:
            found.append("its name stands above already")
        if not found and not any(applies(row, p, c) for p in processes for c in CHANNELS):
            found.append(f"it applies to none of {', '.join(processes)}")
        names.append(row.get("name"))
        faults += [f"row {i}, {names[-1]}: {fault}" for fault in found]
    if faults:
        raise ValueError("\n".join(faults))
    return rows
