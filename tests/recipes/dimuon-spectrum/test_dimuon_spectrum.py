"""The dimuon spectrum on whole real files, of several versions."""

import pytest

from cookbook import recipe
from declared import exceptions
from real_files import nanoaod
from runs import agreed

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")


# coffea gives photons a mass and a charge, and complains where old files have them.
@pytest.mark.filterwarnings("ignore:Branch Photon_(mass|charge) already exists:RuntimeWarning")
@pytest.mark.parametrize(("name", "events"), [("nano_dy.root", 40), ("nano_dimuon.root", 40), ("nano_tt_v15.root", 1)])
def test_dimuons_agree_on_whole_real_files(name: str, events: int) -> None:
    """All their branches may stay: Drell-Yan with weights, data without, and top pairs in NanoAOD v15."""
    subject = recipe.load("dimuon-spectrum")
    found = agreed(subject, [str(nanoaod(name))], exceptions(subject.slug).opened)
    assert found["cutflow"].sum() >= events
    assert all(h.sum(flow=True) for h in found.values())
