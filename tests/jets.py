"""Jets as the identification reads them, and the tests that the two pages with it share."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import runs
from cookbook import agreement, corrections, inputs, sample
from cookbook.recipe import Engine
from shared import Shared
from small_files import edited, jagged

__all__ = ["CROWDED", "JET", "Identified", "Jets", "columns"]

BYTES = ("chMultiplicity", "neMultiplicity")
JET: Mapping[str, float] = {
    "pt": 50.0,
    "eta": 0.5,
    "phi": 0.1,
    "mass": 5.0,
    "chHEF": 0.5,
    "neHEF": 0.2,
    "chEmEF": 0.1,
    "neEmEF": 0.1,
    "muEF": 0.0,
    "chMultiplicity": 10,
    "neMultiplicity": 5,
}
CROWDED: Mapping[str, float] = {"chMultiplicity": 250, "neMultiplicity": 6}  # 256 particles, which no byte counts
Jets = Sequence[Sequence[Mapping[str, float]]]


def columns(jets: Jets, drop: str = "") -> dict[str, Any]:
    """Return jets by event as a collection, without the branch to drop."""
    names = [name for name in JET if f"Jet_{name}" != drop]
    types = dict.fromkeys(BYTES, np.uint8)
    return {
        name: jagged([[jet[name] for jet in event] for event in jets], types.get(name, np.float32)) for name in names
    }


class Identified(Shared):
    """What holds where the identification is evaluated; the module of the recipe gives each test its engine.

    The cases of a recipe are `jets`, by event, and `wrong`, parameters and what the error says of them.
    """

    write: ClassVar[Callable[..., str]]  # a file of jets by event, without the branch to `drop`
    run: ClassVar[Callable[..., runs.Results]]  # the recipe's, on a file

    def test_inputs_go_by_name(self, engine: Engine, jets: Jets, tmp_path: Path) -> None:
        """A file that lists the inputs of the identification in another order gives the same answer."""

        def reverse(content: dict[str, Any]) -> None:
            for entry in content["corrections"]:
                entry["inputs"].reverse()

        changed = edited(sample.corrections("JME", "jetid.json.gz"), tmp_path / "jetid.json", reverse)
        path = self.write(tmp_path / "nano.root", jets)
        agreement.check(self.run(engine, path), self.run(engine, path, JET_ID=changed))

    def test_what_the_file_lacks_is_named(
        self, engine: Engine, wrong: tuple[dict[str, Any], str], tmp_path: Path
    ) -> None:
        """A missing key or type ends in an error that says which there are."""
        parameters, message = wrong
        path = self.write(tmp_path / "nano.root", [[JET]])
        with pytest.raises(corrections.CorrectionError, match=message):
            self.run(engine, path, **parameters)

    def test_a_missing_branch_is_named(self, engine: Engine, tmp_path: Path) -> None:
        """A file of v12, and so without multiplicities, ends in an error that names the branch."""
        path = self.write(tmp_path / "nano.root", [[JET]], drop="Jet_chMultiplicity")
        with pytest.raises(inputs.InputError, match="no branch 'Jet_chMultiplicity'"):
            self.run(engine, path)
