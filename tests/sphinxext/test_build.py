"""One tiny real book that is built, and one that must not be."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from cookbook import execution, recipe

CFF = "cff-version: 1.2.0\nmessage: Cite.\ntitle: Tiny\nauthors:\n  - name: Somebody\n"
FIGURE = (
    "from base64 import b64decode\nfrom IPython.display import Image\n"
    "Image(b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='))"
)
LEAVE = (
    "import os\nfrom pathlib import Path\nfolder = Path(os.environ['COOKBOOK_TIMINGS'])\n"
    "folder.mkdir(exist_ok=True)\n(folder / 'left').write_text('by the recipe');print('timed')"
)
SUMMARY = """---
file_format: mystnb
kernelspec: {name: python3, display_name: Python 3}
---
# A summary
```{code-cell} ipython3
import os
from pathlib import Path
print(Path(os.environ["COOKBOOK_TIMINGS"], "left").read_text())
```
"""


def _cell(source: str, *tags: str, **metadata: Any) -> Any:
    return new_code_cell(source, metadata={"tags": list(tags), **metadata})


def _paired(*extra: Any) -> list[Any]:
    return [
        new_markdown_cell("# A recipe\n\nThe mass $m$."),
        _cell('FILES = ["events.root"]', "parameters"),
        new_markdown_cell("## Step by step\n\nLeft and right."),
        _cell("print('left')", "coffea"),
        _cell("print('right')", "rdataframe"),
        new_markdown_cell("## The rest"),
        *extra,
    ]


def _write(folder: Path, slug: str, cells: list[Any]) -> None:
    cookbook: dict[str, Any] = {"slug": slug, "title": "A recipe", "summary": "It does.", "chapter": "Things"}
    cookbook |= {"objects": ["Muon"], "coffea": ["Weights"], "rdataframe": ["Define"]}
    cookbook["references"] = [{"title": "A paper", "url": "https://example.org/paper"}]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = new_notebook(cells=cells, metadata={"kernelspec": kernel, "cookbook": cookbook})
    nbformat.write(notebook, folder / "recipes" / f"{slug}.ipynb")


def _project(folder: Path, repository: Path, recipes: dict[str, list[Any]], pages: dict[str, str]) -> None:
    """Lay out a book with the real configuration and static files."""
    (folder / "recipes").mkdir()
    (folder / "book").mkdir()
    (folder / "book" / "_static").symlink_to(repository / "book" / "_static")
    (folder / "_config.yml").write_text((repository / "_config.yml").read_text(encoding="utf-8"))
    (folder / "CITATION.cff").write_text(CFF)
    for slug, cells in recipes.items():
        _write(folder, slug, cells)
    for name, text in pages.items():
        (folder / "book" / f"{name}.md").write_text(text)
    chapters = [f"  - file: book/{name}" for name in pages if name != "index"]
    chapters += [f"  - file: recipes/{slug}" for slug in recipes]
    (folder / "_toc.yml").write_text("\n".join(["format: jb-book", "root: book/index", "chapters:", *chapters, ""]))


def _execute(folder: Path, *parts: execution.Part) -> None:
    """Execute the recipes of a book as `make book` does."""
    for path in (folder / "recipes").glob("*.ipynb"):
        for part in parts:
            execution.execute(recipe.read(path), part, folder / "_build")


def _build(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Call jupyter-book as `make render` does, outside any pipeline."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CI")}
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(folder)]
    command += ["--warningiserror", "--nitpick", "--keep-going"]
    return subprocess.run(command, capture_output=True, text=True, env=environ, check=False)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a book of one recipe and a page that reads what the recipe left; give its HTML folder."""
    folder = tmp_path_factory.mktemp("book")
    repository = Path(__file__).resolve().parents[2]
    figure = _cell(FIGURE, "agreement", mystnb={"image": {"alt": "One pixel."}})
    pages = {"index": "# Home\n\n```{recipe-cards}\n```\n", "performance": SUMMARY}
    pages["all"] = "# All\n\n```{api-index}\n```\n\n```{recipe-status}\n```\n\n```{cite-cookbook}\n```\n"
    pages["all"] += "\n```{other-files}\n```\n\n```{tool-gaps}\n```\n"
    _project(folder, repository, {"one": _paired(figure, _cell(LEAVE, "timing"))}, pages)
    _execute(folder, "page", "timing")
    done = _build(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "_build" / "html"


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> "subprocess.CompletedProcess[str]":
    """Build a book in which two recipes and a page break one rule each."""
    folder = tmp_path_factory.mktemp("broken")
    repository = Path(__file__).resolve().parents[2]
    recipes = {
        "mute": _paired(_cell(FIGURE)),
        "lonely": [new_markdown_cell("# A recipe"), _cell("1", "coffea")],
    }
    _project(folder, repository, recipes, {"index": "# Home\n", "fails": SUMMARY})
    _execute(folder, "page")
    return _build(folder)


def _page(html: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((html / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


def test_engines_stand_in_one_block(built: Path) -> None:
    """Both engines' cells are in panels of one block, each under the engine's name."""
    panels = _page(built, "recipes/one").select(".engines > .engine")
    assert [panel.select(".engine-name")[0].text for panel in panels] == ["coffea", "RDataFrame"]
    assert [panel.select(".cell_output")[0].text.strip() for panel in panels] == ["left", "right"]


def test_headings_stay_in_the_contents(built: Path) -> None:
    """The page's own contents lists the headings beside which the blocks stand."""
    contents = _page(built, "recipes/one").select("nav.page-toc a")
    assert [link.text.strip() for link in contents] == ["Step by step", "The rest"]


def test_bar_follows_the_title(built: Path) -> None:
    """Right under the title stand download, citation and stamp."""
    bar = _page(built, "recipes/one").select_one("article h1 + .recipe-bar")
    assert bar is not None
    assert "@incollection{cookbook-one," in bar.text


def test_download_is_the_committed_notebook(built: Path) -> None:
    """The link under the title leads to a copy of the notebook."""
    link = _page(built, "recipes/one").select_one(".recipe-actions a[download]")
    assert link is not None
    assert nbformat.read(built / "recipes" / str(link["href"]), as_version=4).metadata.cookbook.slug == "one"


def test_a_summary_shows_what_the_timing_left(built: Path) -> None:
    """A page about the recipes reads the records of their timings."""
    assert "by the recipe" in _page(built, "book/performance").text


def test_a_page_shows_its_timing(built: Path) -> None:
    """The output of a timing cell is that of the timing, which ran apart."""
    timed = _page(built, "recipes/one").select(".tag_timing .cell_output")
    assert [output.text.strip() for output in timed] == ["timed"]


def test_references_end_the_page(built: Path) -> None:
    """The references of the metadata are listed on the page."""
    links = _page(built, "recipes/one").select(".recipe-references a")
    assert [(link.text, link["href"]) for link in links] == [("A paper", "https://example.org/paper")]


def test_generated_parts_are_filled_in(built: Path) -> None:
    """Cards, index, status, citation and register are there."""
    assert _page(built, "book/index").select(".recipe-card a[href='../recipes/one.html']")
    page = _page(built, "book/all")
    assert [caption.text.split(",")[0] for caption in page.find_all("caption")] == [
        "coffea",
        "RDataFrame",
        "Executions in this build",
    ]
    assert "@misc{analysis-pattern-cookbook," in page.text
    assert "No recipe was tried on other files in this build." in page.text
    assert "The register holds no gap." in page.text


def test_no_page_names_another_host_to_load_from(built: Path) -> None:
    """Scripts, styles and images come from the book's own host."""
    for path in built.rglob("*.html"):
        page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        loaded = [tag.get("src") or tag.get("href") for tag in page.select("script[src], link[href], img[src]")]
        assert [address for address in loaded if "//" in str(address)] == [], path.name
        assert "unpkg.com" not in path.read_text(encoding="utf-8"), path.name


def test_a_broken_book_is_not_built(broken: "subprocess.CompletedProcess[str]") -> None:
    """Any of the three faults is enough; the build has an error code."""
    assert broken.returncode != 0


def test_failed_notebook_is_named(broken: "subprocess.CompletedProcess[str]") -> None:
    """The build goes on to the end, then names the page that failed and where its traceback is."""
    assert "notebooks failed: book/fails (CellExecutionError); tracebacks are in" in broken.stderr


def test_figure_without_alt_text_is_named(broken: "subprocess.CompletedProcess[str]") -> None:
    """A figure that a screen reader can't describe is a warning, so an error."""
    assert "recipes/mute: the figure" in broken.stderr
    assert "has no alt text; add `mystnb: {image: {alt: …}}`" in broken.stderr


def test_lonely_engine_is_named(broken: "subprocess.CompletedProcess[str]") -> None:
    """An engine without a counterpart beside it is a warning, so an error."""
    assert "recipes/lonely: a cell tagged with one engine has no counterpart" in broken.stderr


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Return a book of one recipe that nothing was done for yet."""
    recipes = {"one": _paired(_cell(LEAVE, "timing"))}
    _project(tmp_path, Path(__file__).resolve().parents[2], recipes, {"index": "# Home\n"})
    return tmp_path


def test_a_recipe_that_was_not_executed_is_refused(bare: Path) -> None:
    """Sphinx executes no recipe itself, and says what does."""
    done = _build(bare)
    assert done.returncode != 0
    assert "run make check-recipe NAME=one, or make book" in done.stderr + done.stdout


def test_an_execution_of_another_state_is_refused(bare: Path) -> None:
    """An executed notebook whose key is not that of the source is never published; one of the present state is."""
    _execute(bare, "page")
    assert _build(bare).returncode == 0
    _write(bare, "one", _paired(_cell("print('changed')")))
    done = _build(bare)
    assert done.returncode != 0
    assert "is missing or of another state" in done.stderr + done.stdout


def test_a_timing_of_another_state_is_said_to_be_one(bare: Path) -> None:
    """A page never shows the timing of another key."""
    _execute(bare, "page", "timing")
    _write(bare, "one", _paired(_cell(LEAVE.replace("timed", "timed anew"), "timing")))
    assert _build(bare).returncode == 0
    (shown,) = _page(bare / "_build" / "html", "recipes/one").select(".tag_timing .cell_output")
    assert shown.text.strip() == execution.NOT_TIMED.strip()
