"""Muon scale factors at the edges: outside the map, without a pair, and files that ask for or hold something else."""

from pathlib import Path
from typing import Any

import correctionlib
import numpy as np
import pytest

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

from cookbook import recipe
from leptons import Lepton, Page, ScaleFactors, changed
from runs import complaint
from shared import Cases

PAGE = Page("lepton-scale-factors", "Muon")
PARAMETERS = PAGE.parameters
PATH: str = PARAMETERS["SCALE_FACTORS"]
CASES: Cases = {
    "pair": [
        [(50.0, 0.5), (40.0, -1.0)],
        [(50.0, -2.2), (21.0, -1.3)],
        [(900.0, 2.0), (12.0, 2.0)],
    ],
    "outside": [([(50.0, 0.5), (40.0, 2.45)], {"MAX_ETA": 2.5})],
    "wrong": {
        "key": (
            {"FACTORS": {**PARAMETERS["FACTORS"], "id": "NUM_TightID_DEN_Tracks"}},
            "no correction 'NUM_TightID_DEN_Tracks'; did you mean .*NUM_TightID_DEN_TrackerMuons",
        ),
        "variation": ({"WAYS": ["sf", "systup", "systdown"]}, "has no scale_factors 'sf'; "),
    },
}


class TestMuons(ScaleFactors):
    """What muons share with electrons."""

    page, data, cases = PAGE, "Muon_Dilepton", CASES

    def factor(self, lepton: Lepton, trigger: bool) -> float:
        """Return the product of the factors of a muon, looked up by hand."""
        (pt, eta), found = lepton, correctionlib.CorrectionSet.from_file(PATH)
        names = ["NUM_TightID_DEN_TrackerMuons", "NUM_TightPFIso_DEN_TightID"]
        names += ["NUM_IsoMu24_DEN_CutBasedIdTight_and_PFIsoTight"] * trigger
        return float(np.prod([found[name].evaluate(eta, pt, "nominal") for name in names]))

    def flat(self, entry: dict[str, Any]) -> None:
        """Make a correction 0.9 with an uncertainty of 0.09 everywhere."""
        ways = {"nominal": 0.9, "systup": 0.99, "systdown": 0.81}
        content = [{"key": key, "value": value} for key, value in ways.items()]
        entry["data"] = {"nodetype": "category", "input": "scale_factors", "content": content}


def test_absolute_pseudorapidity_is_a_switch(tmp_path: Path) -> None:
    """With a map of absolute pseudorapidity, as until 2022, `INPUTS` says so; the factors are the mirror's."""

    def folded(entry: dict[str, Any]) -> None:
        data = entry["data"]
        half = len(data["content"]) // 2
        data["edges"], data["content"] = data["edges"][half:], data["content"][half:]

    path = PAGE.written(tmp_path / "in.root", [[(50.0, -0.5), (40.0, -1.6)]])
    given = changed(PATH, tmp_path / "folded.json", folded)
    for engine in recipe.ENGINES:
        assert "bounds" in complaint(lambda engine=engine: PAGE.run(engine, path, SCALE_FACTORS=given))  # type: ignore[misc]
    columns = {"eta": "abs_eta", "pt": "pt", "phi": "phi"}
    found = PAGE.yields(PAGE.agreed(path, SCALE_FACTORS=given, INPUTS=columns))
    assert found("nominal") == pytest.approx(PAGE.yields(PAGE.agreed(path))("nominal"))
