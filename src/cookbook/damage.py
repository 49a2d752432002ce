"""Find damage in the content of a NanoAOD file, as far as it shows.

ROOT stores what it compresses with zstd, as the book's sample is, without a checksum. What can be checked is what is
written twice: the entries of a tree and of its baskets, the places of the baskets and the length of the file, a
collection's counter and the length of its lists, the lumi sections of the events and those of their own tree. Of 150
single bits flipped in the baskets of a file of the sample, a whole read found 92, and 56 changed values unnoticed: a
number that is still a number, such as a momentum, stays undetectable here. Against that helps to compare the checksum
of the whole file with that of its source (``xrdadler32``, or DAS).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

__all__ = ["EVENT_NUMBERS", "Read", "bookkeeping", "read", "repeated", "strayed"]

EVENT_NUMBERS = ("run", "luminosityBlock", "event")
STEP = "100 MB"  # of all branches together: memory that a whole read takes at a time

Numbers = dict[str, npt.NDArray[Any]]


def bookkeeping(tree: Any, names: Collection[str], end: int) -> list[str]:
    """Return what contradicts itself in the lists of baskets of these branches; no basket is read.

    `end` is the length in bytes that the file's header gives.
    """
    return [fault for name in names if hasattr(tree[name], "all_members") for fault in _faults(tree, tree[name], end)]


def _faults(tree: Any, branch: Any, end: int) -> Iterator[str]:
    entries, held = tree.num_entries, branch.member("fEntries")
    if held != entries:
        yield f"branch '{branch.name}' has {held} entries, its tree {entries}"
    starts = np.asarray(branch.entry_offsets)
    if starts[0] != 0 or starts[-1] != held or np.any(np.diff(starts) < 0):
        yield f"the baskets of branch '{branch.name}' do not follow each other from entry 0 to {held}"
    count = branch.member("fWriteBasket")
    places, sizes = (np.asarray(branch.member(f"fBasket{kind}"))[:count] for kind in ("Seek", "Bytes"))
    stored = places != 0  # others are held in the tree itself
    if np.any(sizes[stored] <= 0) or np.any(places[stored] < 0) or np.any((places + sizes)[stored] > end):
        yield f"a basket of branch '{branch.name}' lies beyond the end of the file"


@dataclass
class Read:
    """What a whole read of some branches found.

    `faults` contradict each other in the file; `infinite` counts by branch values that are not finite, and `values`
    all; `numbers` has the event numbers where all three are there.
    """

    faults: list[str] = field(default_factory=list)
    infinite: dict[str, int] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)
    numbers: Numbers = field(default_factory=dict)


def read(tree: Any, names: Sequence[str]) -> Read:
    """Read these branches of a tree from beginning to end, and the event numbers if they are there."""
    result, have = Read(), set(tree.keys(recursive=False))
    numbers = EVENT_NUMBERS if have.issuperset(EVENT_NUMBERS) else ()
    counting = {name: getattr(tree[name], "count_branch", None) for name in names}
    counters = {name: counter.name for name, counter in counting.items() if counter is not None}
    wrong: dict[str, int] = {}
    parts: dict[str, list[Any]] = {name: [] for name in numbers}
    wanted = list(dict.fromkeys([*names, *counters.values(), *numbers]))
    for chunk in tree.iterate(filter_name=wanted, step_size=STEP) if tree.num_entries and wanted else ():
        for name in names:
            _count_values(result, name, chunk[name])
        for name, counter in counters.items():
            wrong[name] = wrong.get(name, 0) + int(ak.sum(ak.num(chunk[name]) != chunk[counter]))
        for name, part in parts.items():
            part.append(ak.to_numpy(chunk[name]))
    result.faults = [
        f"in {events} events the list of '{name}' is not as long as its counter '{counters[name]}' says"
        for name, events in wrong.items()
        if events
    ]
    result.numbers = {name: np.concatenate(part) for name, part in parts.items() if part}
    return result


def _count_values(result: Read, name: str, values: Any) -> None:
    flat = np.asarray(ak.to_numpy(ak.flatten(values, axis=None)))
    if flat.dtype.kind == "f":
        infinite = int(np.count_nonzero(~np.isfinite(flat)))
        result.values[name] = result.values.get(name, 0) + len(flat)
        if infinite:
            result.infinite[name] = result.infinite.get(name, 0) + infinite


def repeated(parts: Sequence[Numbers]) -> tuple[int, tuple[int, ...]]:
    """Return how many events have the numbers of another one in these files, and the first such run, section, event."""
    known = [part for part in parts if part]
    if not known:
        return 0, ()
    columns = [np.concatenate([part[name] for part in known]) for name in EVENT_NUMBERS]
    order = np.lexsort(columns[::-1])
    columns = [column[order] for column in columns]
    same = np.all([column[1:] == column[:-1] for column in columns], axis=0)
    if not np.any(same):
        return 0, ()
    first = int(np.argmax(same))
    return int(np.count_nonzero(same)), tuple(int(column[first]) for column in columns)


def strayed(numbers: Numbers, tree: Any) -> int:
    """Return how many events are of a lumi section that the tree of lumi sections lacks."""
    if not numbers or not {"run", "luminosityBlock"}.issubset(tree.keys(recursive=False)):
        return 0
    known = {name: tree[name].array(library="np") for name in ("run", "luminosityBlock")}
    return int(np.count_nonzero(~np.isin(_sections(numbers), _sections(known))))


def _sections(numbers: Numbers) -> npt.NDArray[np.uint64]:
    """Return run and lumi section, of 32 bits each, as one number."""
    run, section = (numbers[name].astype(np.uint64) for name in ("run", "luminosityBlock"))
    return (run << np.uint64(32)) | section
