def by_file(query, files):
    """Yield what a query gives for each file; errors name the file, as awkward's do not."""
    for path in files:
        try:
            yield query(NanoEventsFactory.from_root({path: "Events"}).events())
        except Exception as error:
            raise RuntimeError(f"{path}: {error}") from error
