"""A recipe run on a reader's files gives back a folder of results, whole or not at all."""

import errno
import io
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import uproot
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from tqdm import tqdm

import small_files
from cookbook import execution, histograms, kernels, ownfiles, progress, recipe, results

FILL = """
import hist

axes = hist.axis.StrCategory(list(FILES), name="dataset"), hist.axis.Regular(2, 0, 2, name="x")
h = hist.Hist(*axes, storage="weight").fill(list(FILES), SCALE, weight=-2)
flow = hist.Hist(hist.axis.StrCategory(["initial", "final"])).fill(["initial"] * 5 + ["final"] * 2)
from_coffea = {"x": h, "cutflow": flow, "y": h.project("x")}
from_rdataframe = dict(from_coffea)
"""
PLOT = """
import matplotlib.pyplot as plt

plt.plot([SCALE])
plt.show()
"""
ANOTHER_HOST = re.compile(r"^(https?:)?//")


def written(folder: Path, agreement: str = FILL, figure: str = PLOT, closure: str = "print('closed')") -> recipe.Recipe:
    """Write a recipe whose engines are one cell, in a folder with the sample that it is about, and read it."""
    (folder / "recipes").mkdir(parents=True, exist_ok=True)
    cells = [new_markdown_cell("# Small $p_T$")]
    for heading, source, tag in (
        ("Input", "FILES = {'sample': ['sample.root']}\nSCALE = 1", "parameters"),
        ("The same answer", agreement, "agreement"),
        ("", figure, "hide-input"),
        ("Closure\n\nIt closes.", closure, "hide-input"),
        ("What to remember\n\nThis.", "", ""),
        ("Exercise", "raise AssertionError('of the sample')" if closure else "", "solution"),
    ):
        cells += [new_markdown_cell(f"## {heading}")] if heading else []
        cells += [new_code_cell(source, metadata={"tags": [tag]})] if source else []
    cells[5].metadata["mystnb"] = {"image": {"alt": "A point at one."}}
    path = folder / "recipes" / "small.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    return recipe.read(path)


def given(folder: Path, **parameters: Any) -> dict[str, Any]:
    """Return parameters with files of two datasets, one of simulation and one of data."""
    one, other = (
        small_files.write(folder / f"{name}.root", small_files.event_columns(size), sums)
        for name, size, sums in (("simulation", 3, [2.5, 4.0]), ("data", 2, None))
    )
    return {"FILES": {"mine": [one], "other": [other]}, **parameters}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the results of one run on two files."""
    folder = tmp_path_factory.mktemp("run")
    return results.run(written(folder), given(folder), folder / "out")


@pytest.fixture
def page(result: Path) -> BeautifulSoup:
    """Return the web page of a run."""
    return BeautifulSoup((result / "small.html").read_text(), "html.parser")


def test_a_run_gives_one_folder(result: Path) -> None:
    """Notebook, page, histograms, figures and summary, with nothing beside that folder."""
    figures = [f"figures/the-same-answer-1.{kind}" for kind in ("pdf", "png")]
    wanted = [*figures, "histograms.json", "histograms.root", "small.html", "small.ipynb", "summary.json"]
    assert sorted(str(p.relative_to(result)) for p in result.rglob("*.*")) == sorted(wanted)
    assert [path.name for path in result.parent.iterdir()] == ["small"]


def test_histograms_of_both_engines_are_in_both_files(result: Path) -> None:
    """The ROOT file and the JSON hold the same values, the labels and the overflow too."""
    found = histograms.read(result)
    assert found["coffea"]["x"].values(flow=True).tolist() == [[0, 0, -2, 0], [0, 0, -2, 0], [0, 0, 0, 0]]
    with uproot.open(result / "histograms.root") as file:
        for engine in ("coffea", "rdataframe"):
            stored = file[f"{engine}/x"].to_hist()
            assert list(stored.axes[0]) == ["mine", "other"]
            assert np.array_equal(stored.values(), found[engine]["x"].values())
            assert np.array_equal(stored.variances(), found[engine]["x"].variances())


def test_figures_are_drawn_twice(result: Path) -> None:
    """A PNG for slides, a PDF for papers; the notebook keeps the first alone."""
    assert (result / "figures" / "the-same-answer-1.pdf").read_bytes()[:4] == b"%PDF"
    assert (result / "figures" / "the-same-answer-1.png").read_bytes()[1:4] == b"PNG"
    assert "application/pdf" not in (result / "small.ipynb").read_text()


def test_the_summary_has_events_weights_and_what_is_selected(result: Path) -> None:
    """A line for each dataset and each histogram, by label where there are labels alone."""
    summary = json.loads((result / "summary.json").read_text())
    facts = {name: (d["events"], d["sum_of_weights"], d["selected"]["x"]) for name, d in summary["datasets"].items()}
    assert facts == {"mine": (3, 6.5, -2.0), "other": (2, None, -2.0)}
    assert results.lines(result) == [
        f"Results: {result}",
        "  mine: 3 events read, -2 in x, sum of weights 6.5",
        "  other: 2 events read, -2 in x",
        "  cutflow: initial 5, final 2",
        "  y: sum -4",
    ]


def test_what_is_about_the_sample_is_left_out(result: Path) -> None:
    """Closure and exercise say so in a line, and what to remember stays."""
    cells = nbformat.read(result / "small.ipynb", as_version=4).cells
    assert [cell.source for cell in cells[-3:]] == [
        f"## Closure\n\n{ownfiles.LEFT_OUT}",
        "## What to remember\n\nThis.",
        f"## Exercise\n\n{ownfiles.LEFT_OUT}",
    ]


def test_the_notebook_shows_nothing_of_how_it_was_run(result: Path) -> None:
    """The cell that keeps the histograms is gone, the parameters that were set stay."""
    text = (result / "small.ipynb").read_text()
    assert "histograms.save" not in text
    assert "raises-exception" not in text
    assert "injected-parameters" in text


def test_the_page_needs_no_other_host(page: BeautifulSoup) -> None:
    """Scripts, styles and images are in it, and none is loaded or imported."""
    loaded = [str(tag.get("src") or tag.get("href")) for tag in page.find_all(["script", "link", "img", "iframe"])]
    assert [address for address in loaded if ANOTHER_HOST.match(address)] == []
    assert not re.search(r"import\(.?https?:|@import", "".join(tag.text for tag in page.find_all(["script", "style"])))
    assert [image["src"][:15] for image in page.find_all("img")] == ["data:image/png;"]


def test_the_page_draws_formulas_and_describes_figures(page: BeautifulSoup) -> None:
    """MathJax stands in the page where it has formulas, and a figure has the alternative text of its cell."""
    assert any("MathJax" in tag.text and len(tag.text) > 100_000 for tag in page.find_all("script"))
    assert [image["alt"] for image in page.find_all("img")] == ["A point at one."]


def test_other_parameters_are_another_page(tmp_path: Path) -> None:
    """A cut or a file that is not the page's makes a run the reader's; whether it is timed does not."""
    chosen = written(tmp_path)
    own = {"FILES": {"sample": ["sample.root"]}, "TIMING_EVENTS": None}
    assert ownfiles.is_the_samples(chosen, own)
    assert not ownfiles.is_the_samples(chosen, {**own, "SCALE": 2})
    assert not ownfiles.is_the_samples(chosen, given(tmp_path))


def test_a_figure_that_fails_costs_no_result(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It is a warning with its message, and the run says nothing else."""
    chosen = written(tmp_path, figure="raise ValueError('yerr must not be\\nnegative')")
    folder = results.run(chosen, given(tmp_path), tmp_path / "out")
    assert capfd.readouterr() == ("", "")
    warning = "cell 5, under 'The same answer', failed and was passed over: ValueError: yerr must not be negative"
    assert results.lines(folder)[-1] == f"Warning: {warning}"
    assert "yerr must not be negative" in (folder / "small.html").read_text()
    assert not (folder / "figures").exists()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise ValueError('no\\nluck')", r"cell 3 \(raise ValueError.*\) raised ValueError: no luck; "),
        ("x = 1\n\nassert x == 2", r"cell 3 \(x = 1\) raised AssertionError: in 'assert x == 2'; see "),
        ("import os\nos.kill(os.getpid(), 9)", r"the kernel died or was stopped in cell 3 \(import os\)"),
        ("import ctypes\nctypes.string_at(0)", r"the kernel died or was stopped in cell 3 \(import ctypes\)"),
    ],
)
def test_a_run_that_fails_leaves_the_former_result(
    code: str, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One line has the notebook, the cell and the files; the notebook up to there has a name that says so."""
    former = tmp_path / "out" / "small"
    former.mkdir(parents=True)
    (former / "summary.json").write_text('{"files": ["summary.json"]}')
    with pytest.raises(execution.ExecutionError, match=rf"small\.ipynb: {message}.*simulation\.root") as raised:
        results.run(written(tmp_path, agreement=code), given(tmp_path), tmp_path / "out")
    assert "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", "")
    assert sorted(path.name for path in former.parent.iterdir()) == ["small", "small.failed.ipynb"]
    assert [path.name for path in former.iterdir()] == ["summary.json"]


def executed(source: Path, target: Path, *_: object) -> Any:
    """Stand for a run of the kernel: the notebook as it is, and the files that the run leaves."""
    target.with_suffix(".log").touch()
    filled: dict[str, Any] = {"FILES": ["mine", "other"], "SCALE": 1}
    exec(FILL, filled)
    histograms.save(filled["from_coffea"], filled["from_rdataframe"], target.parent)
    return nbformat.read(source, as_version=4)


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Return a function that runs a recipe without a kernel."""
    monkeypatch.setattr(kernels, "execute", executed)
    return lambda: results.run(written(tmp_path), given(tmp_path), tmp_path / "out")


def test_a_new_result_replaces_the_former(start: Callable[[], Path], tmp_path: Path) -> None:
    """Also the half-done notebook of an earlier failure, which would tell of another run."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "small.failed.ipynb").touch()
    first = start()
    before = first.stat().st_ino
    assert start() == first
    assert first.stat().st_ino != before
    assert [path.name for path in first.parent.iterdir()] == ["small"]


def test_what_a_reader_put_there_is_not_removed(start: Callable[[], Path]) -> None:
    """A folder with something else in it stays, and the new result gets a number."""
    first = start()
    (first / "notes.txt").touch()
    assert [start().name, start().name] == ["small-2", "small-3"]
    assert (first / "notes.txt").is_file()


def test_a_reader_sees_the_own_files_where_others_stand_in(tmp_path: Path) -> None:
    """In what the notebook says and prints, in the summary, and in the error of a run."""

    def own(text: str) -> str:
        return text.replace(str(tmp_path / "simulation.root"), "root://host//own.root")

    folder = results.run(written(tmp_path, figure="print(FILES['mine'])"), given(tmp_path), tmp_path / "out", own)
    cells = nbformat.read(folder / "small.ipynb", as_version=4).cells
    assert [cell.outputs[0].text for cell in cells if "print(FILES" in cell.source] == ["['root://host//own.root']\n"]
    assert json.loads((folder / "summary.json").read_text())["datasets"]["mine"]["files"] == ["root://host//own.root"]
    for name in ("small.ipynb", "small.html", "summary.json"):
        assert str(tmp_path / "simulation.root") not in (folder / name).read_text()
    with pytest.raises(execution.ExecutionError, match=r"the input was root://host//own\.root"):
        results.run(written(tmp_path, agreement="1 / 0"), given(tmp_path), tmp_path / "out", own)


@pytest.mark.parametrize("former", [False, True])
def test_two_runs_at_once_lose_no_result(
    former: bool, start: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who ends second finds a result that was not there at the start, and takes another name."""
    if former:
        start()
    inner: list[Path] = []

    def meanwhile(*arguments: Any) -> Any:
        monkeypatch.setattr(kernels, "execute", executed)
        inner.append(start())
        return executed(*arguments)

    monkeypatch.setattr(kernels, "execute", meanwhile)
    outer = start()
    assert [inner[0].name, outer.name] == ["small", "small-2"]
    assert all((folder / "summary.json").is_file() for folder in (outer, *inner))
    assert sorted(path.name for path in outer.parent.iterdir()) == ["small", "small-2"]


@pytest.mark.parametrize("place", ["recipes", "recipes/mine", "elsewhere/../recipes"])
def test_the_folder_of_the_recipes_is_refused(place: str, tmp_path: Path) -> None:
    """The result would overwrite the notebook, or be taken for a recipe."""
    chosen = written(tmp_path)
    before = chosen.path.read_bytes()
    with pytest.raises(results.ResultsError, match=r"recipes.*: lies in the folder of the recipes"):
        results.run(chosen, given(tmp_path), tmp_path / place)
    assert [path.name for path in chosen.path.parent.iterdir()] == ["small.ipynb"]
    assert chosen.path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """The folder is a file."""
    (tmp_path / "out").touch()
    with pytest.raises(
        results.ResultsError, match=r"out.*: the results cannot be written \(.*\); free space"
    ) as raised:
        results.run(written(tmp_path), given(tmp_path), tmp_path / "out")
    assert "\n" not in str(raised.value)


def test_a_full_disk_is_one_line(start: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing half-done stays, and the former result does."""
    before = start().stat().st_ino

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(kernels, "execute", full)
    with pytest.raises(results.ResultsError, match=r"out: the results cannot be written \(No space left on device\)"):
        start()
    assert [(path.name, path.stat().st_ino) for path in (tmp_path / "out").iterdir()] == [("small", before)]


def test_the_progress_goes_by_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar is drawn anew every second, where there is a terminal, and never goes back."""
    drawn: list[tuple[int, str, str]] = []

    class Bar(tqdm):  # type: ignore[misc]  # tqdm has no types
        def __init__(self, **options: Any) -> None:
            super().__init__(**{**options, "disable": False, "file": io.StringIO()})

        def refresh(self, *_: Any, **__: Any) -> None:
            drawn.append((self.n, self.desc, self.postfix or ""))

    monkeypatch.setattr(kernels, "tqdm", Bar)
    monkeypatch.setattr(kernels, "TICK", 0.05)
    counts = progress.Counts(tmp_path / "counts", 3000)
    in_the_kernel = progress.shared(counts.path)
    cells = [new_code_cell(metadata={"papermill": {"status": status}}) for status in ("completed", "running")]
    with kernels._shown("small", cells, counts):
        for both in ([3000, 1000], [0, 0]):
            in_the_kernel[:] = both
            seen = len(drawn)
            while len(drawn) < seen + 2:
                time.sleep(0.01)
    assert (4000, "small: 1 of 2 cells", "coffea 3,000, RDataFrame 1,000 of 3,000 events") in drawn
    assert drawn[-1] == (4000, "small: 1 of 2 cells", "")


def test_no_bar_is_drawn_where_there_is_no_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A log holds no progress."""
    with kernels._shown("small", [], progress.Counts(tmp_path / "counts", 10)):
        pass
    assert capfd.readouterr() == ("", "")
