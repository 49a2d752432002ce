import json
from pathlib import Path


def ascending_edges(ranges):
    edges = [edge for first, last in ranges for edge in (first - 1, last)]
    if edges != sorted(edges) or min(edges, default=0) < 0:
        raise ValueError(f"{ranges} are not ascending [first, last]")
    return edges


def load_certified(path):
    ROOT.certified_edges.clear()
    try:
        for run, ranges in json.loads(Path(path).read_text()).items():
            ROOT.certified_edges[int(run)] = ascending_edges(ranges)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a JSON of certified sections ({error})") from error
