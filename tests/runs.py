"""Run recipes: on few events of their input, once in a process however many tests ask, or on files of a test."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hist
import pytest
import ROOT

from cookbook import agreement, recipe, roothist, sample
from copies import copied, lean

__all__ = ["EVENTS", "Results", "agreed", "complaint", "engines_agree", "event_loops", "few", "mapped", "on_few"]
__all__ += ["run", "slices"]

EVENTS = 300  # of each dataset, or of all files where they are a list
Results = dict[str, hist.Hist]


def run(
    subject: recipe.Recipe, variant: str, files: recipe.Files, parameters: Mapping[str, Any] | None = None
) -> Results:
    """Run an engine, or a variant of it, and return its histograms as hist."""
    return {name: roothist.to_hist(h) for name, h in subject.run(variant, files, parameters).items()}


def engines_agree(
    subject: recipe.Recipe, files: recipe.Files, parameters: Mapping[str, Any] | None = None
) -> Mapping[recipe.Engine, Results]:
    """Run both engines, check that they agree, and return the histograms of each; they may be empty."""
    results = {engine: run(subject, engine, files, parameters) for engine in recipe.ENGINES}
    agreement.check(results["coffea"], results["rdataframe"], empty=True)
    return results


def agreed(subject: recipe.Recipe, files: recipe.Files, parameters: Mapping[str, Any] | None = None) -> Results:
    """Run both engines, check that they agree, and return coffea's histograms; they may be empty."""
    return engines_agree(subject, files, parameters)["coffea"]


def mapped(files: recipe.Files, change: Callable[[Sequence[str]], Sequence[str]]) -> recipe.Files:
    """Return `files` with each list of paths changed: that of each dataset, or the one there is."""
    if isinstance(files, Mapping):
        return {name: change(paths) for name, paths in files.items()}
    return change(files)


@cache
def slices(slug: str) -> recipe.Files:
    """Return a recipe's input with a few hundred events of each dataset."""
    return mapped(recipe.load(slug).parameters()["FILES"], lambda paths: sample.slice(paths, EVENTS))


@cache
def few(slug: str) -> recipe.Files:
    """Return these slices with the branches that the recipe needs, in a folder that lasts as long as the process."""
    return mapped(slices(slug), copied(recipe.load(slug), lean, Path(_folder().name)))


@cache
def _folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="cookbook-")


@cache
def on_few(slug: str, variant: str) -> Results:
    """Return what an engine, or a variant of it, gives on the few events of a recipe's input."""
    return _followed(slug)[0] if variant == "rdataframe" else run(recipe.load(slug), variant, few(slug))


def event_loops(slug: str) -> list[int]:
    """Return how often an event loop has run over each frame of a recipe's RDataFrame half."""
    return _followed(slug)[1]


@cache
def _followed(slug: str) -> tuple[Results, list[int]]:
    """Run RDataFrame on the few events, and count the loops over the frames that the recipe makes."""
    frames: list[Any] = []
    original = ROOT.RDataFrame

    def remembered(*args: Any, **kwargs: Any) -> Any:
        frames.append(original(*args, **kwargs))
        return frames[-1]

    with pytest.MonkeyPatch.context() as patched:  # mock cannot put back a property of ROOT's facade
        patched.setattr(ROOT, "RDataFrame", remembered)
        results = run(recipe.load(slug), "rdataframe", few(slug))
    loops = [int(frame.GetNRuns()) for frame in frames]
    return results, [n for n in loops if n]  # a frame may also be asked for the type of a column


def complaint(call: Callable[[], Any]) -> str:
    """Return everything that the error of a call says, and the errors behind it; empty if there is none."""
    try:
        call()
    except Exception as error:
        return "; ".join(_messages(error))
    return ""


def _messages(error: BaseException | None) -> Iterable[str]:
    while error is not None:
        yield str(error)
        error = error.__cause__ or error.__context__
