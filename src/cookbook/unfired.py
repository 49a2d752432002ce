"""Write a file that lacks trigger paths anew, with these paths as not fired.

Both engines need a branch in every file of a list, and one that a menu did not have yet is false by all meaning.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import uproot

from cookbook.damage import EVENT_NUMBERS
from cookbook.inputs import OF_SIMULATION, InputError

__all__ = ["write"]

# Trees of which all is kept.
WHOLE = ("Runs", "LuminosityBlocks")


def write(lacking: Mapping[str, Sequence[str]], read: Collection[str], folder: Path) -> dict[str, str]:
    """Write files to a folder, and return the path of each by that of its source.

    They hold the branches of Events that are `read`, as they are stored, the trigger paths that their source lacks
    as false, and whole the trees Runs and LuminosityBlocks. ROOT copies in a process of its own: beside uproot's client
    of XRootD it would not be safe.

    Parameters
    ----------
    lacking
        The paths that each file lacks, by file.
    read
        Branches of Events; those that a file does not have are passed over.
    folder
        An existing folder.

    Raises
    ------
    InputError
        If Events of a file is no TTree, or its copy is not whole.
    """
    written = {}
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        for number, (source, paths) in enumerate(lacking.items()):
            target = folder / str(number) / Path(source).name
            target.parent.mkdir()
            kept = _kept(source, read)
            pool.submit(_write, source, str(target), kept, list(paths)).result()
            _check_whole(source, str(target), kept, paths)
            written[source] = str(target)
    return written


def _kept(source: str, read: Collection[str]) -> list[str]:
    """Return the branches that a copy holds: those read, what tells events and simulation, and their counters."""
    with uproot.open(source) as file:
        tree = file["Events"]
        if not isinstance(tree, uproot.TTree):
            raise InputError(f"{source}: Events is an RNTuple, to which no path can be added; take it off the list")
        have = tree.keys(recursive=False)
        wanted = {*read, *EVENT_NUMBERS, *[name for name in OF_SIMULATION if name in have][:1]}
        counters = [tree[name].count_branch for name in have if name in wanted]
        wanted |= {counter.name for counter in counters if counter is not None}
        return [name for name in have if name in wanted]


def _write(source: str, target: str, kept: Sequence[str], paths: Sequence[str]) -> None:
    import ROOT

    with ROOT.TFile(source) as file, ROOT.TFile(target, "recreate") as out:
        for name in ("Events", *WHOLE):
            tree = file.Get(name)
            if not tree:
                continue
            if name == "Events":
                tree.SetBranchStatus("*", False)
                for branch in kept:
                    tree.SetBranchStatus(branch, True)
            copy = tree.CloneTree(-1, "fast")
            if name == "Events":
                _add_false(ROOT, copy, paths)
            out.WriteTObject(copy, name, "overwrite")


def _add_false(root: Any, tree: Any, paths: Sequence[str]) -> None:
    import numpy as np

    fired = np.zeros(1, bool)
    for branch in [tree.Branch(path, fired, f"{path}/O") for path in paths]:
        for _ in range(tree.GetEntries()):
            branch.Fill()


def _check_whole(source: str, target: str, kept: Sequence[str], paths: Sequence[str]) -> None:
    """Compare all trees of a copy with those of its source: ROOT says little where it cannot write."""
    try:
        with uproot.open(source) as old, uproot.open(target) as new:
            wrong = list(_differences(old, new, {"Events": kept}, paths))
    except Exception as error:  # uproot raises many kinds for a file that is not whole
        wrong = [f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"]
    if wrong:
        raise InputError(
            f"{source}: it could not be written anew, whole, as {target} ({'; '.join(wrong)}); free space there, "
            "or set TMPDIR"
        )


def _differences(old: Any, new: Any, kept: Mapping[str, Sequence[str]], paths: Sequence[str]) -> Iterator[str]:
    for name in ("Events", *WHOLE):
        if name not in old:
            continue
        before, after = old[name], new[name]
        wanted = list(kept.get(name, before.keys(recursive=False)))
        counts = {branch: after[branch].num_entries for branch in after.keys(recursive=False)}
        if counts != dict.fromkeys([*wanted, *(paths if name == "Events" else ())], before.num_entries):
            yield f"{name} has {after.num_entries} of {before.num_entries} entries, or other branches"
        elif any(before[branch].compressed_bytes != after[branch].compressed_bytes for branch in wanted):
            yield f"{name} has other baskets"
