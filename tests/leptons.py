"""Small files of leptons, and the two pages of scale factors run on them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import hist
import numpy as np

import mistakes
import runs
from cookbook import recipe
from small_files import edited, event_columns, jagged, write

__all__ = ["NAN", "SIMULATION", "Lepton", "Page", "asking", "changed"]

SIMULATION = "DYto2L_M-50_Dilepton"
NAN = float("nan")
TYPES: Mapping[str, Mapping[str, Any]] = {
    "Muon": {"tightId": (True, np.bool_), "pfRelIso04_all": (0.01, np.float32)},
    "Electron": {"mvaIso_WP90": (True, np.bool_), "deltaEtaSC": (0.0, np.float32)},
}
OBJECTS = {"Muon": (13, 8), "Electron": (11, 2)}
Lepton = tuple[float, float]  # pt, eta


@dataclass(frozen=True)
class Page:
    """A page of scale factors of one kind of lepton."""

    slug: str
    kind: str

    @property
    def subject(self) -> recipe.Recipe:
        """The recipe."""
        return recipe.load(self.slug)

    @property
    def parameters(self) -> dict[str, Any]:
        """Its own parameters."""
        return self.subject.parameters()

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
