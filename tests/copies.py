"""Copy NanoAOD files with fewer branches, or without their events, or as data, for tests that need no more.

Opening a file costs uproot time for each branch in it, which is most of what a run over few events takes.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path

import ROOT

from cookbook import inputs, recipe
from declared import exceptions

__all__ = ["as_data", "copied", "copy_trees", "emptied", "lean", "needed", "pruned", "trimmed"]

# These are as long as a menu and have nothing else in common.
MENUS = {"HLT", "Flag", "L1"}
NUMBERS = count()

Copy = Callable[[recipe.Recipe, str, Path], None]


def needed(subject: recipe.Recipe, tree: str = "Events") -> set[str]:
    """Return the branches that a recipe declares, with those that coffea asks for."""
    return {*subject.required(subject.parameters())[tree], *exceptions(subject.slug).asked_for}


def copied(subject: recipe.Recipe, copy: Copy, folder: Path) -> Callable[[Sequence[str]], list[str]]:
    """Return a function that copies files one by one into `folder`, under names of their own."""

    def change(paths: Sequence[str]) -> list[str]:
        targets = [folder / f"{copy.__name__}_{next(NUMBERS)}.root" for _ in paths]
        for path, target in zip(paths, targets, strict=True):
            copy(subject, path, target)
        return [str(target) for target in targets]

    return change


def pruned(subject: recipe.Recipe, path: str, target: Path) -> None:
    """Copy a file with only the branches that the recipe declares, and those that coffea asks for."""
    copy_trees(path, target, {tree: needed(subject, tree) for tree in subject.metadata["branches"]})


def lean(subject: recipe.Recipe, path: str, target: Path) -> None:
    """Copy a file with these branches and the directions of all their collections, which a fault may take instead."""
    kept = {tree: needed(subject, tree) for tree in subject.metadata["branches"]}
    directions = {f"{name}_{angle}" for name in _collections(kept["Events"]) for angle in ("eta", "phi")}
    copy_trees(path, target, {**kept, "Events": kept["Events"] | directions})


def trimmed(subject: recipe.Recipe, path: str, target: Path) -> None:
    """Copy a file with every branch of the collections that the recipe reads, and the paths of its triggers."""
    values = repr([subject.parameters(exceptions(subject.slug).opened)])
    declared = needed(subject, "Events")
    used = {name.removeprefix("n") for name in _collections(declared)} - MENUS
    source = ROOT.TFile(path)
    names = [str(b.GetName()) for b in source.Get("Events").GetListOfBranches()]
    kept = {n for n in names if n.partition("_")[0] in used or n.removeprefix("n") in used or f"'{n}'" in values}
    copy_trees(path, target, {"Events": kept | declared | {"genWeight"}, "Runs": {"*"}, "LuminosityBlocks": {"*"}})


def emptied(subject: recipe.Recipe, path: str, target: Path) -> None:
    """Copy a file without its events, with its sums of weights."""
    copy_trees(path, target, {tree: {"*"} for tree in subject.metadata["branches"]}, empty=True)


def as_data(path: str, target: Path) -> str:
    """Copy a simulated file without the branches by which it is known as simulation, and return the copy's path."""
    source = ROOT.TFile(path)
    trees = {str(key.GetName()): source.Get(key.GetName()) for key in source.GetListOfKeys()}
    trees = {name: tree for name, tree in trees.items() if isinstance(tree, ROOT.TTree)}
    kept = {name: {str(b.GetName()) for b in tree.GetListOfBranches()} for name, tree in trees.items()}
    copy_trees(path, target, {name: names - {*inputs.OF_SIMULATION, *inputs.SUMS} for name, names in kept.items()})
    return str(target)


def _collections(branches: Iterable[str]) -> set[str]:
    return {name.partition("_")[0] for name in branches}


def copy_trees(path: str, target: Path, trees: Mapping[str, Collection[str]], empty: bool = False) -> None:
    """Copy of a file these branches of these trees, of those that it has; `*` stands for all."""
    source, out = ROOT.TFile(path), ROOT.TFile(str(target), "RECREATE")
    for name, wanted in trees.items():
        tree = source.Get(name)
        if not tree:
            continue
        if "*" not in wanted:
            tree.SetBranchStatus("*", False)
            for branch in {str(b.GetName()) for b in tree.GetListOfBranches()}.intersection(wanted):
                tree.SetBranchStatus(branch, True)
        out.cd()
        (tree.CloneTree(0) if empty and name == "Events" else tree.CloneTree(-1, "fast")).Write()
    out.Close()
