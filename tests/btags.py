"""Small files of jets with flavours, the two pages of b-tagging weights run on them, and the tests that both share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import correctionlib
import numpy as np
import pytest

import mistakes
import runs
import shared
from cookbook import agreement, inputs, recipe, sample
from cookbook.corrections import CorrectionError
from cookbook.recipe import Engine
from small_files import edited, event_columns, jagged, write

__all__ = ["BINNED", "NEAR_AND_FAR", "Entries", "Jets", "Page", "Weights", "untaggable", "written"]

NAN = float("nan")
Jets = list[list[Any]]
Entries = list[dict[str, Any]]
# Two b jets of 100 GeV, of which one passes both working points and one fails both, and an event without jets.
PT: Jets = [[100.0], [], [100.0]]
ETA: Jets = [[0.5], [], [-0.5]]
SCORE: Jets = [[0.9], [], [0.01]]
FLAVOUR: Jets = [[5], [], [5]]
# Jets with a tag, the first outside the tracker; and factors that a file may hold, lower for jets that are not central.
NEAR_AND_FAR: dict[str, Any] = {
    "pt": [[90.0, 80.0, 70.0]],
    "eta": [[2.7, -2.0, 1.0]],
    "score": [[0.9] * 3],
    "flavour": [[5] * 3],
}
BINNED = {"nodetype": "binning", "input": "abseta", "flow": "clamp", "edges": [0.0, 1.5, 2.5], "content": [0.9, 0.8]}
UNTAGGABLE = {  # pt, eta, score
    "no score": (100.0, 0.5, -1.0),
    "score not a number": (100.0, 0.5, NAN),
    "outside the tracker": (100.0, 2.6, 0.9),
    "too soft": (20.0, 0.5, 0.9),
    "pt not a number": (NAN, 0.5, 0.9),
    "eta not a number": (100.0, NAN, 0.9),
}

engines = pytest.mark.parametrize("engine", recipe.ENGINES)
# Columns in which the second of the jets has no tag.
untaggable = pytest.mark.parametrize(
    "columns",
    [
        {"pt": [PT[0], [], [pt]], "eta": [ETA[0], [], [eta]], "score": [SCORE[0], [], [score]]}
        for pt, eta, score in UNTAGGABLE.values()
    ],
    ids=UNTAGGABLE,
)


def written(
    target: Path,
    pt: Jets = PT,
    eta: Jets = ETA,
    score: Jets = SCORE,
    flavour: Jets = FLAVOUR,
    kind: str = "uint8",
    branch: str = "btagPNetB",
    weights: Sequence[float] | None = None,
) -> str:
    """Write events with these jets."""
    jet = {name: jagged(column, "float32") for name, column in {"pt": pt, "eta": eta, branch: score}.items()}
    jet |= {"phi": jet["pt"] * 0, "mass": jet["pt"] / 10, "hadronFlavour": jagged(flavour, kind)}
    size = len(pt)
    generator = np.array(weights or [1.0] * size, "float32")
    return write(target, {**event_columns(size), "genWeight": generator, "Jet": jet}, [size])


@dataclass(frozen=True)
class Page(shared.Page):
    """A page of weights for b-tagging."""

    @property
    def corrections(self) -> correctionlib.CorrectionSet:
        """Its correction file."""
        return correctionlib.CorrectionSet.from_file(self.parameters["BTAGGING"])

    def run(self, variant: str, path: str, parameters: Mapping[str, Any] | None = None) -> runs.Results:
        """Run one engine on a file and return its histograms."""
        return runs.run(self.subject, variant, [path], parameters)

    def agreed(self, path: str, parameters: Mapping[str, Any] | None = None) -> runs.Results:
        """Run both engines on a file, check that they agree, and return coffea's histograms."""
        return runs.agreed(self.subject, [path], parameters)

    def mistaken(self, path: str) -> runs.Results:
        """Check that the engines agree on a file, and return coffea's histograms with the mistakes of the closure."""
        self.agreed(path)
        return mistakes.run(self.subject, "with_mistakes", [path])

    def changed(self, target: Path, change: Callable[[Entries], Entries]) -> dict[str, Any]:
        """Write its correction file after `change` of the list, and return the parameters that use it."""

        def whole(content: dict[str, Any]) -> None:
            content["corrections"] = change(content["corrections"])

        return {"BTAGGING": edited(self.parameters["BTAGGING"], target, whole)}


class Weights(shared.Shared):
    """What holds for both kinds of weights.

    The cases of a recipe are `kind`, the corrections of a tagger that it reads, and `wrong`, parameters and what the
    error says of them.
    """

    page: Page

    def test_the_flavour_may_be_of_another_type(self, tmp_path: Path) -> None:
        """Up to NanoAOD v9 it is a 32-bit integer; the answer is the same."""
        old = self.page.agreed(written(tmp_path / "old.root", kind="int32"))
        agreement.check(old, self.page.agreed(written(tmp_path / "new.root")), empty=True)

    def test_another_tagger_is_one_line(self) -> None:
        """DeepJet with its own branch, working points and scale factors or shape."""
        files, parameters = sample.files("QCD_PT-600"), {"TAGGER": "deepJet", "SCORE": "btagDeepFlavB"}
        coffea, rdataframe = (self.page.subject.run(engine, files, parameters) for engine in recipe.ENGINES)
        agreement.check(coffea, rdataframe)

    @engines
    def test_a_wrong_name_is_named(self, engine: Engine, wrong: tuple[dict[str, Any], str], tmp_path: Path) -> None:
        """A key or text that the file does not have: the error says what it has."""
        parameters, message = wrong
        with pytest.raises(CorrectionError, match=message):
            self.page.run(engine, written(tmp_path / "in.root"), parameters)

    @engines
    def test_a_missing_key_is_named(self, kind: str, engine: Engine, tmp_path: Path) -> None:
        """The error says which key is missing and which are near."""
        missing = f"particleNet_{kind}"
        parameters = self.page.changed(tmp_path / "btag.json", lambda all_: [e for e in all_ if e["name"] != missing])
        with pytest.raises(CorrectionError, match=f"no correction '{missing}'; did you mean .*"):
            self.page.run(engine, written(tmp_path / "in.root"), parameters)

    @engines
    def test_a_file_without_the_tagger_is_named(self, engine: Engine, tmp_path: Path) -> None:
        """A file of a version that has another tagger is refused before the loop."""
        path = written(tmp_path / "in.root", branch="btagRobustParTAK4B")
        with pytest.raises(inputs.InputError, match="has no branch 'Jet_btagPNetB'"):
            self.page.run(engine, path)
