"""Overlap of primary datasets: each event counts once, in the first dataset that is read and has fired."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

from cookbook import agreement, recipe, sample
from cookbook.recipe import Engine
from copies import as_data
from runs import Results, agreed

SUBJECT = recipe.load("primary-dataset-overlap")
STREAMS = ("Muon", "EGamma", "JetMET")
FILES = {name: sample.files(name) for name in STREAMS}
TRIGGERS = SUBJECT.parameters()["TRIGGERS"]


def both(files: Mapping[str, Sequence[str]] = FILES, **parameters: Any) -> Results:
    """Run both engines, which must agree, and return the histograms."""
    return agreed(SUBJECT, files, parameters)


def by_dataset(histograms: Results) -> dict[str, int]:
    """Return how many events count in each dataset."""
    return {dataset: int(histograms["events"][dataset]) for dataset in histograms["events"].axes[0]}


def is_certified(run: int, section: int) -> bool:
    """Return whether the sample's JSON has a section."""
    ranges = json.loads(Path(sample.certified()).read_text()).get(str(run), [])
    return any(first <= section <= last for first, last in ranges)


@pytest.fixture(scope="module")
def whole() -> Results:
    """Return the result on the whole sample."""
    return both()


def test_each_event_counts_once(whole: Results) -> None:
    """As many events count as there are distinct numbers of run, section and event among all streams."""
    paths = [path for members in TRIGGERS.values() for path in members]
    columns = ["run", "luminosityBlock", "event"]
    trees = [f"{path}:Events" for members in FILES.values() for path in members]
    stored = uproot.concatenate(trees, [*columns, *paths], library="np")
    fired = np.any([stored[path] for path in paths], axis=0)
    ids = {tuple(map(int, row)) for row in zip(*(stored[name][fired] for name in columns), strict=True)}
    good = {pair for pair in {i[:2] for i in ids} if is_certified(*pair)}
    assert sum(by_dataset(whole).values()) == len([i for i in ids if i[:2] in good])
    assert int(whole["overlap"].sum()) > sum(by_dataset(whole).values())


def test_the_diagonal_counts(whole: Results) -> None:
    """What was read from a dataset and counts in it is what the dataset keeps."""
    assert [*by_dataset(whole).values()] == np.diag(whole["overlap"].values()).tolist()


def test_no_event_counts_in_a_later_dataset(whole: Results) -> None:
    """An event of the sample's streams fired a path of its own, so it counts there or in an earlier one."""
    assert not np.triu(whole["overlap"].values(), 1).any()


def test_nothing_counts_where_nothing_is_certified(tmp_path: Path) -> None:
    """An empty JSON is no error."""
    (tmp_path / "empty.json").write_text("{}")
    assert not any(h.sum(flow=True) for h in both(CERTIFIED=str(tmp_path / "empty.json")).values())


def test_a_dataset_that_is_not_read_claims_no_event(whole: Results) -> None:
    """Without the muon dataset its triggers play no part, and the others count what they have."""
    found = both({name: FILES[name] for name in STREAMS if name != "Muon"})
    before, claimed = by_dataset(whole)["EGamma"], int(whole["overlap"]["EGamma", "Muon"])
    assert before < by_dataset(found)["EGamma"] <= before + claimed


def test_another_order_moves_events_and_loses_none(whole: Results) -> None:
    """The sum over the datasets is the number of distinct events, whoever is first."""
    turned = both(TRIGGERS={name: TRIGGERS[name] for name in reversed(STREAMS)})
    assert sum(by_dataset(turned).values()) == sum(by_dataset(whole).values())
    assert by_dataset(turned)["JetMET"] > by_dataset(whole)["JetMET"]


@pytest.mark.parametrize("engine", recipe.ENGINES)
def test_a_dataset_without_triggers_is_refused(engine: Engine, tmp_path: Path) -> None:
    """Its events could not be told from those of the others."""
    files = {**FILES, "Tau": [as_data(FILES["Muon"][0], tmp_path / "tau.root")]}
    with pytest.raises(ValueError, match=r"tau\.root: data .* name 'Tau' in DATA"):
        SUBJECT.run(engine, files)
    with pytest.raises(ValueError, match="'Tau' is not in list"):
        SUBJECT.run(engine, files, {"DATA": [*FILES, "Tau"]})


def test_the_order_of_the_files_does_not_matter(whole: Results) -> None:
    """The triggers say which dataset is first."""
    agreement.check(both({name: FILES[name] for name in reversed(STREAMS)}), whole)
