"""Versions of NanoAOD: files of any, alone and together, give the histograms of the sample."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from cookbook import agreement, dialects, nanoaod, recipe, sample
from cookbook.recipe import Engine
from copies import copied, trimmed
from real_files import nanoaod as real_file
from runs import agreed, run

SUBJECT = recipe.load("nanoaod-versions")
SOURCE = sample.files("TTbar")[0]
EVENTS = 200
READ = SUBJECT.parameters()["READ"]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the same events in each version."""
    folder = tmp_path_factory.mktemp("versions")
    return {v: dialects.write(SOURCE, folder / f"{v}.root", v, EVENTS, READ) for v in nanoaod.versions()}


@pytest.mark.parametrize("version", ["v6", "v9", "v12"])
def test_a_version_gives_what_the_newest_gives(written: dict[str, str], version: str) -> None:
    """Both engines agree on a file of an older version, and on its histograms with those of v15."""
    agreement.check(agreed(SUBJECT, [written["v15"]]), agreed(SUBJECT, [written[version]]))


@pytest.mark.parametrize("order", list(permutations(["v9", "v12", "v15"])), ids="-".join)
def test_versions_may_be_mixed(written: dict[str, str], order: tuple[str, ...]) -> None:
    """Files of three versions pass the check and count three times what one counts, in any order."""
    alone = run(SUBJECT, "coffea", [written["v15"]])
    mixed = agreed(SUBJECT, [written[version] for version in order])
    for name, h in alone.items():
        assert np.array_equal(mixed[name].values(flow=True), 3 * h.values(flow=True))


@pytest.mark.parametrize("engine", recipe.ENGINES)
def test_numbers_below_the_expected_stay_negative(written: dict[str, str], engine: Engine) -> None:
    """Bytes do not wrap around: with many vertices expected all events lie below zero."""
    h = run(SUBJECT, engine, [written["v15"]], {"EXPECTED": 60})["beyond"]
    assert h.values()[h.axes[0].centers < 0].sum() > 0.9 * EVENTS
    assert h.values(flow=True)[-1] == 0


@pytest.mark.parametrize("name", ["nano_dy.root", "nano_dimuon.root"])
def test_old_real_files_are_read_with_new_ones(name: str, tmp_path: Path) -> None:
    """Simulation and data of old NanoAOD are read under the same names as v15, alone and beside it."""
    paths = copied(SUBJECT, trimmed, tmp_path)([str(real_file(name)), str(real_file("nano_tt_v15.root"))])
    old, new = (agreed(SUBJECT, [path]) for path in paths)
    assert old["rho"].sum() > 0
    for quantity, h in agreed(SUBJECT, paths).items():
        assert np.array_equal(h.values(flow=True), old[quantity].values(flow=True) + new[quantity].values(flow=True))
