"""Small files of leptons, the two pages of scale factors run on them, and the tests that both share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import hist
import numpy as np
import pytest

import mistakes
import runs
import shared
from cookbook import agreement, corrections, recipe
from cookbook.recipe import Engine
from runs import complaint
from small_files import edited, event_columns, jagged, write

__all__ = ["PAIR", "SIMULATION", "Lepton", "Page", "ScaleFactors", "changed"]

SIMULATION = "DYto2L_M-50_Dilepton"
NAN = float("nan")
TYPES: Mapping[str, Mapping[str, Any]] = {
    "Muon": {"tightId": (True, np.bool_), "pfRelIso04_all": (0.01, np.float32)},
    "Electron": {"mvaIso_WP90": (True, np.bool_), "deltaEtaSC": (0.0, np.float32)},
}
OBJECTS = {"Muon": (13, 8), "Electron": (11, 2)}
Lepton = tuple[float, float]  # pt, eta
PAIR: list[Lepton] = [(50.0, 0.5), (40.0, -0.5)]

engines = pytest.mark.parametrize("engine", recipe.ENGINES)


@dataclass(frozen=True)
class Page(shared.Page):
    """A page of scale factors of one kind of lepton."""

    kind: str

    def written(
        self,
        path: Path,
        events: Sequence[Sequence[Lepton]],
        fires: int = 0,
        bits: Any = np.uint64,
        id_: int = 0,
        simulation: bool = True,
        drop: str = "",
        **own: Any,
    ) -> str:
        """Write a file with these leptons by event; `own` replaces columns, and `drop` is one that is left out."""
        leptons = collection(self.kind, events, own)
        if drop:
            leptons = ak.without_field(leptons, drop)
        columns = {**event_columns(len(events), "HLT_IsoMu24", "HLT_Ele30_WPTight_Gsf"), self.kind: leptons}
        columns["TrigObj"] = trigger_objects(self.kind, events, fires, bits, id_)
        if not simulation:
            return write(path, columns, None)
        columns["genWeight"] = np.ones(len(events), np.float32)
        parameters = self.parameters
        return write(path, columns, [parameters["CROSS_SECTION"][SIMULATION] * parameters["LUMINOSITY"]])

    def run(self, engine: recipe.Engine, path: str, **parameters: Any) -> dict[str, hist.Hist]:
        """Run one engine on a file of simulation, whose events count one each, and return its histograms."""
        return runs.run(self.subject, engine, {SIMULATION: [path]}, parameters)

    def agreed(self, path: str, **parameters: Any) -> dict[str, hist.Hist]:
        """Run both engines, check that they agree, and return coffea's histograms."""
        return runs.agreed(self.subject, {SIMULATION: [path]}, parameters)

    def with_mistakes(self, path: str, **parameters: Any) -> dict[str, hist.Hist]:
        """Check that the engines agree, and return coffea's histograms with the mistakes of the closure beside."""
        right = self.agreed(path, **parameters)
        found = self.mistaken({SIMULATION: [path]}, parameters)
        for name, h in right.items():
            for weighting in h.axes["weighting"]:
                assert found[name][:, weighting, :] == h[:, weighting, :]
        return found

    def mistaken(self, files: recipe.Files, parameters: Mapping[str, Any] | None = None) -> dict[str, hist.Hist]:
        """Return coffea's histograms with the mistakes of the closure."""
        return mistakes.run(self.subject, "with_mistakes", files, parameters, argument="weights")

    def yields(self, results: Mapping[str, hist.Hist], name: str = SIMULATION) -> Callable[[str], float]:
        """Return a function that gives the events of a weighting, whatever bin they are in."""
        h = results["pt"]
        return lambda weighting: float(h[name, weighting, :].sum(flow=True).value)


def collection(kind: str, events: Sequence[Sequence[Lepton]], own: Mapping[str, Any]) -> Any:
    """Return leptons as records: each opposite to the one before it in azimuth and charge."""
    columns = {
        "pt": jagged([[pt for pt, _ in event] for event in events], np.float32),
        "eta": jagged([[eta for _, eta in event] for event in events], np.float32),
        "phi": jagged([[3.0 * (i % 2) for i, _ in enumerate(event)] for event in events], np.float32),
        "mass": jagged([[0.1 for _ in event] for event in events], np.float32),
        "charge": jagged([[1 - 2 * (i % 2) for i, _ in enumerate(event)] for event in events], np.int32),
    }
    for name, (value, type_) in TYPES[kind].items():
        columns[name] = jagged([[own.get(name, value) for _ in event] for event in events], type_)
    return ak.zip({name: own.get(name, column) for name, column in columns.items()})


def trigger_objects(kind: str, events: Sequence[Sequence[Lepton]], fires: int, bits: Any, id_: int) -> Any:
    """Return a trigger object at one of the leptons of each event, the first by default."""
    eta = [[0.0 if np.isnan(e[1]) else e[1] for e in event[fires : fires + 1]] for event in events]
    columns = {
        "pt": jagged([[30.0 for _ in event] for event in eta], np.float32),
        "eta": jagged(eta, np.float32),
        "phi": jagged([[3.0 * (fires % 2) for _ in event] for event in eta], np.float32),
        "id": jagged([[id_ or OBJECTS[kind][0] for _ in event] for event in eta], np.uint16),
        "filterBits": jagged([[OBJECTS[kind][1] for _ in event] for event in eta], bits),
    }
    return ak.zip(columns)


def changed(path: str, target: Path, change: Callable[[dict[str, Any]], None]) -> str:
    """Write a correction file after `change` of each of its corrections, and return its path."""

    def each(content: dict[str, Any]) -> None:
        for entry in content["corrections"]:
            change(entry)

    return edited(path, target, each)


def asking(name: str) -> Callable[[dict[str, Any]], None]:
    """Return a change that gives a correction one more input, in the middle."""

    def change(entry: dict[str, Any]) -> None:
        entry["inputs"].insert(1, {"name": name, "type": "real", "description": ""})

    return change


class ScaleFactors(shared.Shared):
    """What holds for both kinds of leptons.

    The cases of a recipe are `pair`, two leptons each; `outside`, a pair beyond the map and the cuts that let it
    through; and `wrong`, parameters and what the error says of them.
    """

    page: Page
    data: str  # a dataset of data

    def factor(self, lepton: Lepton, trigger: bool) -> float:
        """Return the product of the factors of a lepton, looked up by hand."""
        raise NotImplementedError

    def flat(self, entry: dict[str, Any]) -> None:
        """Make a correction 0.9 with an uncertainty of 0.09 everywhere."""
        raise NotImplementedError

    def changed(self, target: Path, change: Callable[[dict[str, Any]], None]) -> str:
        """Write the page's correction file after `change` of each of its corrections, and return the path."""
        return changed(self.page.parameters["SCALE_FACTORS"], target, change)

    def test_the_factor_is_the_product_over_leptons(self, pair: list[Lepton], tmp_path: Path) -> None:
        """Also at both sides of the ends of the ranges, and beyond the bins in pt."""
        opened = {"MIN_PT": 9.0, "WINDOW": (0.0, 1e4)}
        first, second = pair = [(float(np.float32(pt)), float(np.float32(eta))) for pt, eta in pair]
        found = self.page.yields(self.page.with_mistakes(self.page.written(tmp_path / "in.root", [pair]), **opened))
        assert found("none") == pytest.approx(1)
        expected = self.factor(first, True) * self.factor(second, False)
        assert found("nominal") == pytest.approx(expected)
        assert found("inverted") == pytest.approx(1 / expected)
        assert found("leading only") == pytest.approx(self.factor(first, True))
        trigger = self.factor(second, True) / self.factor(second, False)
        assert found("trigger of both") == pytest.approx(expected * trigger)

    @engines
    def test_a_lepton_outside_the_map_ends_the_run(
        self, engine: Engine, outside: tuple[list[Lepton], dict[str, Any]], tmp_path: Path
    ) -> None:
        """Beyond the last pseudorapidity, or below the least momentum: an error and not a factor of one."""
        pair, opened = outside
        path = self.page.written(tmp_path / "in.root", [pair])
        assert "bounds" in complaint(lambda: self.page.run(engine, path, WINDOW=(0.0, 1e4), **opened))

    def test_events_without_a_pair_count_nothing(self, tmp_path: Path) -> None:
        """None, one and three leptons, and a second one below the threshold."""
        first, second = PAIR
        events: list[list[Lepton]] = [[], [first], [first, second, (30.0, 0.0)], [first, (19.0, -0.5)], []]
        path = self.page.written(tmp_path / "in.root", events)
        assert self.page.yields(self.page.with_mistakes(path))("none") == 0

    def test_not_a_number_is_no_lepton(self, tmp_path: Path) -> None:
        """A lepton without a momentum or a place is dropped before the map is asked; what is left may be a pair."""
        first, second = PAIR
        events: list[list[Lepton]] = [[(NAN, 0.5), second], [first, (40.0, NAN)], [first, second, (NAN, NAN)]]
        found = self.page.yields(self.page.with_mistakes(self.page.written(tmp_path / "in.root", events)))
        assert found("none") == pytest.approx(1)

    @pytest.mark.parametrize("why", ["the other lepton fired", "another object"])
    def test_the_leading_lepton_must_have_fired(self, why: str, tmp_path: Path) -> None:
        """Otherwise the factor would be that of another lepton, so the event is not used."""
        fires, id_ = (1, 0) if why == "the other lepton fired" else (0, 22)
        path = self.page.written(tmp_path / "in.root", [PAIR], fires=fires, id_=id_)
        assert self.page.yields(self.page.with_mistakes(path))("none") == 0

    def test_filter_bits_of_older_files_are_read(self, tmp_path: Path) -> None:
        """Up to NanoAOD v12 the bits are a 32-bit integer; the answer is the same."""
        old = self.page.with_mistakes(self.page.written(tmp_path / "old.root", [PAIR], bits=np.int32))
        new = self.page.with_mistakes(self.page.written(tmp_path / "new.root", [PAIR]))
        agreement.check(old, new, empty=True)
        assert self.page.yields(old)("none") == pytest.approx(1)

    def test_data_have_no_factors(self, tmp_path: Path) -> None:
        """Every weighting of data counts events, also where a file lacks the generator's branches."""
        files = {
            SIMULATION: [self.page.written(tmp_path / "simulation.root", [PAIR] * 3)],
            self.data: [self.page.written(tmp_path / "data.root", [PAIR] * 3, simulation=False)],
        }
        coffea, rdataframe = (self.page.subject.run(engine, files) for engine in recipe.ENGINES)
        agreement.check(coffea, rdataframe, empty=True)
        for results in (coffea, self.page.mistaken(files)):
            found = self.page.yields(results, self.data)
            assert {found(name) for name in results["pt"].axes["weighting"]} == {3.0}

    def test_up_and_down_move_all_leptons_together(self, tmp_path: Path) -> None:
        """A flat ten per cent is a factor 1.1 squared for two leptons and 1.1 for the one that fired."""
        path = self.page.written(tmp_path / "in.root", [PAIR])
        given = self.changed(tmp_path / "flat.json", self.flat)
        found = self.page.yields(self.page.agreed(path, SCALE_FACTORS=given))
        assert found("nominal") == pytest.approx(0.9**5)
        for name in self.page.parameters["FACTORS"]:
            power = 1 if name == "trigger" else 2
            assert found(f"{name}_up") == pytest.approx(0.9**5 * 1.1**power)
            assert found(f"{name}_down") == pytest.approx(0.9**5 * 0.9**power)
        again = self.page.yields(self.page.agreed(path))  # and the next run takes the next file
        assert again("nominal") != pytest.approx(0.9**5)

    def test_a_file_may_ask_for_the_azimuth(self, tmp_path: Path) -> None:
        """Inputs are given by name, so one more of those that are known changes nothing, wherever it stands."""
        path = self.page.written(tmp_path / "in.root", [PAIR])
        given = self.changed(tmp_path / "phi.json", asking("phi"))
        agreement.check(self.page.agreed(path, SCALE_FACTORS=given), self.page.run("rdataframe", path), empty=True)

    @engines
    def test_an_input_that_nobody_gives_is_named(self, engine: Engine, tmp_path: Path) -> None:
        """A file that asks for more than the recipe knows ends in an error that names the input."""
        path = self.page.written(tmp_path / "in.root", [PAIR])
        given = self.changed(tmp_path / "r9.json", asking("r9"))
        assert "r9" in complaint(lambda: self.page.run(engine, path, SCALE_FACTORS=given))

    @engines
    def test_a_wrong_name_is_named(self, engine: Engine, wrong: tuple[dict[str, Any], str], tmp_path: Path) -> None:
        """A key or text that the file does not have: the error says what it has."""
        parameters, message = wrong
        path = self.page.written(tmp_path / "in.root", [PAIR])
        with pytest.raises(corrections.CorrectionError, match=message):
            self.page.run(engine, path, **parameters)
