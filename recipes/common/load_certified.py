import json
from pathlib import Path


def check_ranges(run, ranges):
    edges = [edge for first, last in ranges for edge in (first - 1, last)]
    if edges != sorted(edges) or min(edges, default=0) < 0:
        raise ValueError(f"run {run}: {ranges} are not ascending [first, last]")


def load_certified(path):
    sections = ROOT.certified_sections()
    sections.clear()
    try:
        for run, ranges in json.loads(Path(path).read_text()).items():
            check_ranges(int(run), ranges)
            sections[int(run)] = [(first, last) for first, last in ranges]
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a JSON of certified sections ({error})") from error
