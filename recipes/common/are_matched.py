def are_matched(muons, objects):
    """Which muons are near an object that a single-muon path accepted."""
    accepted = (objects.filterBits & TRIGGER_BIT) == TRIGGER_BIT
    fired = objects[(objects.id == TRIGGER_ID) & accepted]
    return ak.any(muons.metric_table(fired) < MAX_DELTA_R, axis=-1)
