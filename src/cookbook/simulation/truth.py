"""The truth of the sample as Python objects: one reader for `truth.toml`."""

import copy
import tomllib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("truth.toml")
PARTS = ("dilepton", "jets")  # tables of samples with processes, runs and streams of their own


@dataclass(frozen=True)
class Process:
    """A simulated process; see the comments in ``truth.toml`` for the meaning of the fields."""

    name: str
    title: str
    cross_section: float
    generated: int
    negative: float
    skim: str
    mix: bool
    orders: int
    pythia: tuple[str, ...]
    require: tuple[int, int, int] | None = None
    filter_efficiency: float = 1.0


class Truth:
    """Everything that is put in by hand. `table` is the parsed TOML file."""

    def __init__(self, table: dict[str, Any]) -> None:
        self.table = table
        sample = table["sample"]
        self.version: str = sample["version"]
        self.energy: float = sample["energy"]
        self.chunk: int = sample["chunk"]

    def scaled(self, factor: float) -> "Truth":
        """Truth with `factor` times the simulated events and the luminosity."""
        table = copy.deepcopy(self.table)
        for part in (table, *(table[name] for name in PARTS)):
            for process in part["process"].values():
                process["generated"] = max(1, round(process["generated"] * factor))
            for run in part["run"]:
                run["section_luminosity"] *= factor
        return Truth(table)

    @cached_property
    def parts(self) -> dict[str, "Truth"]:
        """Truth of the slim samples by name: other processes, runs and streams, the same detector."""
        return {name: Truth({**self.table, **self.table[name]}) for name in PARTS}

    @property
    def samples(self) -> tuple["Truth", ...]:
        """The truth itself, and after it those of the slim samples."""
        return (self, *self.parts.values())

    @property
    def generated(self) -> int:
        """Simulated events of all processes before any skim."""
        return sum(process.generated for process in self.processes.values())

    @cached_property
    def processes(self) -> dict[str, Process]:
        """Processes by name, in the order of the file."""
        return {name: make_process(name, entry) for name, entry in self.table["process"].items()}

    @cached_property
    def runs(self) -> list[dict[str, Any]]:
        """Runs of the pseudo-data: number, lumi sections, luminosity of a section, certified ranges."""
        return list(self.table["run"])

    @property
    def delivered(self) -> float:
        """Luminosity of all lumi sections, certified or not, in pb^-1."""
        return float(sum(run["sections"] * run["section_luminosity"] for run in self.runs))

    @property
    def certified(self) -> float:
        """Luminosity of the certified lumi sections, in pb^-1."""
        return float(
            sum((last - first + 1) * run["section_luminosity"] for run in self.runs for first, last in run["certified"])
        )


def make_process(name: str, entry: dict[str, Any]) -> Process:
    """Process from its table in the file."""
    fields = dict(entry)
    fields["pythia"] = tuple(fields["pythia"])
    if "require" in fields:
        require = fields["require"]
        fields["require"] = (require["pdg_id"], require["mother"], require["count"])
    return Process(name=name, **fields)


@lru_cache
def load(path: Path = PATH) -> Truth:
    """Read the truth file."""
    with path.open("rb") as stream:
        return Truth(tomllib.load(stream))
