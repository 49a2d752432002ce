"""Check NanoAOD files before an engine reads them, so that nothing is lost without a word.

The engines differ in what they do with a damaged file: ROOT tries to recover it and may go on with fewer events,
uproot fails deep inside a read. With files that differ among each other RDataFrame takes the types of the first one for
all. This check fails first and says which file and what to do; `damage` says what no check can find.
"""

from __future__ import annotations

import difflib
import glob
import json
import math
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uproot

from cookbook import damage, nanoaod, remote
from cookbook.recipe import Files

__all__ = [
    "InputError",
    "InputWarning",
    "check",
    "check_certified",
    "events",
    "is_simulation",
    "lacking",
    "old_sum_of_weights",
    "paths",
    "version",
]

ROOT_MAGIC = b"root"
# In a name TChain reads these as a pattern, or as what stands before the name of a tree.
PATTERNS = "[]*?#"
# Any of these stands in simulation alone.
OF_SIMULATION = ("genWeight", "Generator_weight", "nGenPart", "nLHEPart", "Pileup_nTrueInt")
SUMS = ("genEventSumw", "genEventSumw_")
# What a recipe takes from a tree that skims lose.
PURPOSE = {
    "Runs": "the sums of weights of all generated events",
    "LuminosityBlocks": "the lumi sections, also those without a selected event",
}
BY_HAND = "the sum by hand, as sum_of_weights of its dataset in a job file"
VERSIONS = "names change with the NanoAOD version"
TRIGGERS = (
    "trigger paths change from year to year: set the recipe's trigger to one of the file's, or let the path count as "
    "not fired where a file lacks it: not_fired: [{}] in a job file"
)


class InputError(ValueError):
    """An input file cannot be read; the message names the file, the fault and the fix."""


class InputWarning(UserWarning):
    """An input file can be read, and holds something that the reader should know of."""


@dataclass(frozen=True)
class _Needs:
    """What is asked of each file, as `check` documents it."""

    branches: Mapping[str, Sequence[str]]
    optional: Collection[str]
    data: Collection[str] | None
    thorough: bool
    not_fired: Collection[str]
    known_sums: Collection[str]

    def of(self, dataset: str | None, simulation: bool) -> dict[str, list[str]]:
        """Return the branches that a file must have, by tree, without the trees of which it needs nothing."""
        left_out = {*(() if simulation else self.optional), *(SUMS if dataset in self.known_sums else ())}
        wanted = {tree: [name for name in names if name not in left_out] for tree, names in self.branches.items()}
        return {tree: names for tree, names in wanted.items() if names or not self.branches[tree]}


@dataclass(frozen=True)
class _Content:
    """What is compared between files: `kinds` holds the format of a tree, or the type of a branch."""

    path: str
    dataset: str | None
    entries: int
    marks: tuple[object, ...]
    kinds: dict[tuple[str, ...], str]
    numbers: dict[str, Any] = field(default_factory=dict)
    sum_of_weights: float | None = None


def paths(files: Files) -> list[str]:
    """Return all paths of `files`, which is a list, or a dictionary of lists by dataset."""
    return [path for _, path in _by_dataset(files)]


def check(
    files: Files,
    branches: Mapping[str, Sequence[str]],
    optional: Collection[str] = (),
    data: Collection[str] | None = None,
    thorough: bool = False,
    not_fired: Collection[str] = (),
    mixed_types: bool = False,
    known_sums: Collection[str] = (),
) -> int:
    """Check that every file is there, whole, has the trees and branches, and fits the others.

    Beside what a file must have, the lists of its baskets are checked. That takes milliseconds after uproot has opened
    the file, which costs 0.06 s for 250 branches and 1.5 s for all of NanoAOD v15, and reads no basket.

    Parameters
    ----------
    files
        Paths or ``root://`` addresses; a list, or a dictionary of lists by dataset.
    branches
        Branch names by tree.
    optional
        Branches that a file of data may lack (generator information).
    data
        Datasets that are data, all others being simulation; None if each file tells it by itself.
    thorough
        Also read the branches once: counters against lists, values that are not finite, event numbers that occur
        twice, events of lumi sections that LuminosityBlocks lacks. Reads local files alone. What then remains
        undetectable is said in `damage`.
    not_fired
        Branches of Events, trigger paths, that any file may lack.
    mixed_types
        Whether a branch may have another type in each file.
    known_sums
        Datasets whose sum of generator weights is known from elsewhere, so that their files may lack it.

    Returns
    -------
    int
        Entries of the Events trees, summed.

    Raises
    ------
    InputError
        If there is no file at all, or one of them is not there, not ROOT, damaged, lacks a tree or branches, is there
        twice, has branches of other types than another one, or is data where simulation is declared, or vice versa; or
        if a recipe takes sums of weights from Runs, and those of a dataset sum to zero or to no number.

    Warns
    -----
    InputWarning
        If one file of several has such a sum, or `thorough` finds values that are not finite, events that occur twice
        in a simulated file, or events of lumi sections that LuminosityBlocks lacks.
    """
    if isinstance(files, str | bytes) or not paths(files):
        raise InputError(f"no input files in {files!r}: give at least one NanoAOD file, in a list")
    needs, contents = _Needs(branches, optional, data, thorough, not_fired, known_sums), []
    first: dict[object, _Content] = {}
    kinds: dict[tuple[str, ...], _Content] = {}
    for dataset, path in _by_dataset(files):
        with _opened(path) as file:
            content = _check_file(dataset, path, file, needs)
        _check_once(content, first)
        _check_alike(content, kinds, mixed_types)
        contents.append(content)
    _check_sums(contents)
    if thorough:
        _check_numbers(contents, data or ())
    return sum(content.entries for content in contents)


def events(files: Files) -> int:
    """Return the entries of the Events trees, summed over `files`."""
    return check(files, {"Events": []})


def lacking(files: Files, names: Collection[str]) -> dict[str, list[str]]:
    """Return which of these branches of Events each file lacks, without those files that have all.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    found: dict[str, list[str]] = {}
    for path in paths(files) if names else ():
        with _opened(path) as file:
            _check_events(path, file)
            have = set(file["Events"].keys(recursive=False))
            found[path] = [name for name in names if name not in have]
    return {path: absent for path, absent in found.items() if absent}


def check_certified(files: Sequence[str], certified: str) -> None:
    """Check that a list of certified lumi sections knows a run of these files of data.

    A list of another year, or of the book's sample, would leave nothing of them without a word.

    Raises
    ------
    InputError
        If it cannot be read, or has none of the runs that the files have.
    """
    try:
        known = {int(run) for run in json.loads(Path(certified).read_text(encoding="utf-8"))}
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{certified}: not a JSON of certified sections ({error}); give another") from error
    runs: set[int] = set()
    for path in files:
        with _opened(path) as file:
            for tree in (file[name] for name in ("Runs", "Events") if name in file):
                if not runs & known and "run" in tree.keys(recursive=False):
                    runs |= set(tree["run"].array(library="np").tolist())
    if runs and known and not runs & known:
        raise InputError(
            f"{certified}: knows none of the runs in {files[0]} ({min(runs)} to {max(runs)}): all data would be left "
            "out; give the list of the year that the data are of"
        )


def is_simulation(path: str) -> bool | None:
    """Return whether a file is simulation, by branches that data never have; None where it has no branches.

    Raises
    ------
    InputError
        If it is not there, not ROOT, truncated, or has no tree Events.
    """
    with _opened(path) as file:
        _check_length(path, file)
        _check_events(path, file)
        return _sign_of_simulation(file) is not None if file["Events"].keys(recursive=False) else None


def version(paths: Sequence[str]) -> str:
    """Return the version of NanoAOD of files, as the first one tells that has branches to tell it by.

    Raises
    ------
    InputError
        If one of them cannot be read, or none tells its version.
    """
    for path in paths:
        with _opened(path) as file:
            _check_length(path, file)
            if found := nanoaod.version_of(file):
                return found
    raise InputError(f"{paths[0]}: no branch tells its NanoAOD version; give a file with jets, leptons or vertices")


def old_sum_of_weights(paths: Sequence[str]) -> float | None:
    """Return the sum of weights of all generated events under its name until v7, or None if a file lacks that.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    total = 0.0
    for path in paths:
        with _opened(path) as file:
            if "Runs" not in file or SUMS[1] not in file["Runs"].keys(recursive=False):
                return None
            total += float(file["Runs"][SUMS[1]].array(library="np").sum())
    return total


def _by_dataset(files: Files) -> Iterator[tuple[str | None, str]]:
    if isinstance(files, Mapping):
        yield from ((name, path) for name, members in files.items() for path in members)
    else:
        yield from ((None, path) for path in files)


def _check_path(path: str) -> None:
    """Check what can be said of a path before it is opened."""
    found = [c for c in (PATTERNS if not remote.is_address(path) else "[]*#") if c in path]
    local = Path(path)
    if not remote.is_address(path):
        _check_is_file(path, local)
    if found:
        plain = "".join("_" if c in PATTERNS else c for c in local.name)
        raise InputError(
            f"{path}: ROOT reads {' and '.join(map(repr, found))} in a path as a pattern, and may take other files; "
            f"rename it, or give a link to it: ln -s '{path}' {plain}"
        )
    if not remote.is_address(path):
        with local.open("rb") as stream:
            magic = stream.read(4)
        if magic != ROOT_MAGIC:
            raise InputError(f"{path}: not a ROOT file (it starts with {magic!r}); give a NanoAOD file")


def _check_is_file(path: str, local: Path) -> None:
    if local.is_dir():
        held = len(list(local.glob("*.root")))
        hint = f"'{path}/*.root' ({held} files)" if held else "it holds no .root file itself"
        raise InputError(f"{path}: a folder; give the files in it: {hint}")
    if local.is_file():
        return
    if glob.has_magic(path):
        raise InputError(f"{path}: no file matches; check the path")
    siblings = [p.name for p in local.parent.iterdir()] if local.parent.is_dir() else []
    near = difflib.get_close_matches(local.name, siblings, cutoff=0.6)
    hint = f"; did you mean {', '.join(near)}?" if near else "; check the path"
    raise InputError(f"{path}: no such file{hint}")


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    """Open a file; whatever goes wrong with it while it is open names it."""
    _check_path(path)
    remote.limit_waiting()
    opened = False
    try:
        with uproot.open(path) as file:
            opened = True
            yield file
    except InputError:
        raise
    except Exception as error:  # uproot raises many kinds for a damaged file, and the protocols for a server
        raise InputError(f"{path}: {_what_failed(path, error, opened)}") from error


def _what_failed(path: str, error: Exception, opened: bool) -> str:
    in_the_file = isinstance(error, uproot.DeserializationError) or (opened and not isinstance(error, OSError))
    if remote.is_address(path) and not in_the_file:
        return remote.what_failed(path, error)
    reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    return f"cannot be read ({reason}); copy the file again or take it off the list"


def _check_file(dataset: str | None, path: str, file: Any, needs: _Needs) -> _Content:
    _check_length(path, file)
    sign = _sign_of_simulation(file)
    simulation = sign is not None if needs.data is None or dataset is None else dataset not in needs.data
    wanted = needs.of(dataset, simulation)
    _check_events(path, file)
    _check_not_bare(path, file, wanted)
    if needs.data is not None and dataset is not None:
        _check_declared(path, file, dataset, simulation, sign)
    _check_branches(path, file, wanted, needs.not_fired)
    have = set(file["Events"].keys(recursive=False))
    wanted = {t: [n for n in names if n in have or n not in needs.not_fired] for t, names in wanted.items()}
    faults = [f for tree, names in wanted.items() for f in damage.bookkeeping(file[tree], names, file.file.fEND)]
    _raise_damage(path, faults)
    numbers = _read_through(path, file, wanted) if needs.thorough and not remote.is_address(path) else {}
    kinds: dict[tuple[str, ...], str] = {(tree,): _format(file[tree]) for tree in wanted}
    kinds |= {(tree, name): str(file[tree][name].typename) for tree, names in wanted.items() for name in names}
    sums = [name for name in wanted.get("Runs", ()) if name in SUMS] if simulation else []
    total = float(file["Runs"][sums[0]].array(library="np").sum()) if sums else None
    return _Content(path, dataset, int(file["Events"].num_entries), _marks(path, file), kinds, numbers, total)


def _check_length(path: str, file: Any) -> None:
    expected = file.file.fEND
    size = Path(path).stat().st_size if not remote.is_address(path) else expected
    if size < expected:
        raise InputError(f"{path}: truncated, {size} of {expected} bytes; copy the file again")


def _check_events(path: str, file: Any) -> None:
    if "Events" not in file:
        raise InputError(f"{path}: {_no_tree('Events', (), file)}")


def _sign_of_simulation(file: Any) -> str | None:
    """Return a branch that simulation alone has, or None."""
    held = {tree: set(file[tree].keys(recursive=False)) for tree in ("Events", "Runs") if tree in file}
    signs = [name for name in OF_SIMULATION if name in held.get("Events", ())]
    return next(iter([*signs, *(name for name in SUMS if name in held.get("Runs", ()))]), None)


def _check_declared(path: str, file: Any, dataset: str, simulation: bool, sign: str | None) -> None:
    if sign and not simulation:
        raise InputError(
            f"{path}: simulation (it has '{sign}'), but dataset '{dataset}' is declared as data; "
            f"take '{dataset}' out of DATA, or give it files of data"
        )
    if simulation and not sign and (run := _first_run(file["Events"])) > 1:
        raise InputError(
            f"{path}: data (run {run}, and no generator branch), but dataset '{dataset}' is declared as simulation; "
            f"name '{dataset}' in DATA, or give it simulated files"
        )


def _first_run(tree: Any) -> int:
    """Return the run of the first event; that of simulation is 1, and of no event 0."""
    if not tree.num_entries or "run" not in tree.keys(recursive=False):
        return 0
    return int(tree["run"].array(entry_stop=1)[0])


def _check_not_bare(path: str, file: Any, wanted: Mapping[str, Sequence[str]]) -> None:
    """Refuse a file of no events that an engine cannot read; one with branches is read by both."""
    tree = file["Events"]
    if tree.num_entries or not wanted.get("Events"):
        return
    if _format(tree) == "RNTuple":
        raise InputError(f"{path}: Events is an RNTuple without events, of which ROOT stops; take it off the list")
    if not tree.keys(recursive=False):
        others = [name for name in wanted if name != "Events" and name in file and file[name].num_entries]
        fix = "nothing in it counts for this recipe: take it off the list"
        if others:
            fix = (
                f"to count its {' and '.join(others)}, merge it with another file of its dataset "
                f"(hadd merged.root OTHER.root {Path(path).name}) and give that one in place of both"
            )
        raise InputError(f"{path}: no event and no branch in 'Events', which coffea cannot read; {fix}")


def _check_branches(path: str, file: Any, wanted: Mapping[str, Sequence[str]], not_fired: Collection[str]) -> None:
    """Name all trees and branches that are missing, with the nearest names."""
    lines: list[str] = []
    absent: list[str] = []
    for tree, names in wanted.items():
        if tree not in file:
            lines.append(_no_tree(tree, names, file))
            continue
        have = set(file[tree].keys(recursive=False))
        missing = [name for name in names if name not in have and name not in not_fired]
        if missing:
            lines.append(f"tree '{tree}' has " + "; ".join(f"no branch '{n}'; {_nearest(n, have)}" for n in missing))
        absent += missing
    if lines:
        advice = sorted(_advice(path, absent))
        raise InputError(f"{path}: {'; '.join(lines)}" + (f" ({'; '.join(advice)})" if advice else ""))


def _advice(path: str, absent: Sequence[str]) -> set[str]:
    """Say why a file lacks branches: its version has other names for them, or does not have them."""
    others = [name for name in absent if not name.startswith("HLT_")]
    triggers = [name for name in absent if name not in others]
    advice = {TRIGGERS.format(", ".join(triggers))} if triggers else set()
    advice |= {f"give {BY_HAND}"} if set(SUMS) & set(others) else set()
    try:
        version = nanoaod.version(path) if others else ""
    except nanoaod.VersionError:
        return advice | {VERSIONS}
    for name in others:
        told = name in nanoaod.quantities() and nanoaod.names(version).get(name) != name
        advice.add(nanoaod.missing(version, name) if told else VERSIONS)
    return advice


def _no_tree(tree: str, names: Sequence[str], file: Any) -> str:
    have = ", ".join(file.keys(cycle=False, recursive=False)) or "nothing"
    if tree not in PURPOSE:
        return f"no tree '{tree}'; it holds {have}; give a NanoAOD file"
    return (
        f"no tree '{tree}'; it holds {have}; the recipe takes {PURPOSE[tree]} from it ({', '.join(names)}), and some "
        f"skims drop it: make the skim again with {tree} kept, or give the files it was made from"
        + (f", or {BY_HAND}" if tree == "Runs" else "")
    )


def _nearest(name: str, have: Collection[str]) -> str:
    near = difflib.get_close_matches(name, have, n=3, cutoff=0.6)
    return f"the nearest names are {', '.join(near)}" if near else "nothing is named alike"


def _format(tree: Any) -> str:
    return "RNTuple" if "RNTuple" in type(tree).__name__ else "TTree"


def _raise_damage(path: str, faults: Sequence[str]) -> None:
    if faults:
        raise InputError(f"{path}: damaged: {'; '.join(faults)}; copy the file again or take it off the list")


def _read_through(path: str, file: Any, wanted: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Read the branches of a file, warn of what is odd in them, and return the numbers of its events."""
    found = {tree: damage.read(file[tree], names) for tree, names in wanted.items()}
    _raise_damage(path, [fault for one in found.values() for fault in one.faults])
    for one in found.values():
        for name, count in one.infinite.items():
            text = f"{name}: {count} of {one.values[name]} values are not finite in file {path}"
            warnings.warn(text, InputWarning, stacklevel=2)
    numbers = found["Events"].numbers if "Events" in found else {}
    strayed = damage.strayed(numbers, file["LuminosityBlocks"]) if "LuminosityBlocks" in file else 0
    if strayed:
        text = (
            f"{path}: {strayed} events are of lumi sections that LuminosityBlocks lacks: damaged, or merged without it"
        )
        warnings.warn(text, InputWarning, stacklevel=2)
    return numbers


def _marks(path: str, file: Any) -> tuple[object, ...]:
    """Return what tells that two paths lead to one file: the place, and the identity that ROOT gave it and copies."""
    uuid = file.file.uuid
    marks: list[object] = [uuid] if uuid.int else []  # reproducible files have none
    if remote.is_address(path):
        return (path, *marks)
    status = Path(path).stat()
    return (str(Path(path).resolve()), (status.st_dev, status.st_ino), *marks)


def _check_once(content: _Content, first: dict[object, _Content]) -> None:
    for mark in content.marks:
        other = first.setdefault(mark, content)
        if other is not content:
            where = "" if other.dataset == content.dataset else f" of dataset '{other.dataset}'"
            raise InputError(
                f"{content.path}: the same file as {other.path}{where}, or a copy of it; "
                "its events would count twice: leave one of them out"
            )


def _check_alike(content: _Content, first: dict[tuple[str, ...], _Content], mixed_types: bool) -> None:
    for key, kind in content.kinds.items():
        other = first.setdefault(key, content)
        if other.kinds[key] == kind or (mixed_types and len(key) > 1):
            continue
        if len(key) == 1:
            raise InputError(
                f"{content.path}: {key[0]} is a {kind}, in {other.path} a {other.kinds[key]}; "
                "run the recipe on files of one format at a time"
            )
        raise InputError(
            f"{content.path}: branch '{key[1]}' of {key[0]} is {kind}, in {other.path} {other.kinds[key]}; RDataFrame "
            "takes all for the type of the first: run the recipe on files of one NanoAOD version at a time"
        )


def _check_sums(contents: Sequence[_Content]) -> None:
    """Look at the sums of weights that a recipe normalises to: no dataset can be with a sum of zero."""
    summed = [content for content in contents if content.sum_of_weights is not None]
    for dataset in dict.fromkeys(content.dataset for content in summed):
        members = {content.path: content.sum_of_weights or 0.0 for content in summed if content.dataset == dataset}
        total = sum(members.values())
        odd = [path for path, one in members.items() if not one or not math.isfinite(one)]
        if not total or not math.isfinite(total):
            where = f" of dataset '{dataset}'" if dataset else ""
            raise InputError(
                f"{', '.join(odd or members)}: the weights of all generated events{where}, in Runs, sum to {total:g}, "
                f"to which nothing can be normalised; take other files, or give {BY_HAND}"
            )
        if odd:
            text = f"{', '.join(odd)}: the weights of all generated events, in Runs, sum to zero"
            warnings.warn(text, InputWarning, stacklevel=3)


def _check_numbers(contents: Sequence[_Content], data: Collection[str]) -> None:
    """Look for events that occur twice: an error in a dataset of data, where numbers are unique.

    Simulated processes have the same numbers, and a list may hold several of them, so each other file is for itself.
    """
    for dataset in dict.fromkeys(content.dataset for content in contents if content.dataset in data):
        members = [content for content in contents if content.dataset == dataset]
        if text := _repeated(members):
            raise InputError(f"{text} of dataset '{dataset}'; leave out the files that hold them a second time")
    for content in contents:
        if content.dataset not in data and (text := _repeated([content])):
            warnings.warn(f"{text}: was it merged with a copy of itself?", InputWarning, stacklevel=3)


def _repeated(contents: Sequence[_Content]) -> str:
    """Return a sentence on the events that occur twice in these files, or nothing."""
    count, first = damage.repeated([content.numbers for content in contents])
    if not count:
        return ""
    numbers = ", ".join(f"{name} {n}" for name, n in zip(damage.EVENT_NUMBERS, first, strict=True))
    others = f" and {len(contents) - 1} other file(s)" if len(contents) > 1 else ""
    return f"{contents[0].path}{others}: {count} events occur twice, as {numbers}"
