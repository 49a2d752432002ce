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

CFF = "cff-version: 1.2.0\nmessage: Cite.\ntitle: Tiny\nauthors:\n  - name: Somebody\n"
FIGURE = (
    "from base64 import b64decode\nfrom IPython.display import Image\n"
    "Image(b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='))"
)
LEAVE = "import os\nfrom pathlib import Path\nPath(os.environ['COOKBOOK_TIMINGS'], 'left').write_text('by the recipe');"
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
        new_markdown_cell("## coffea\n\nLeft."),
        _cell("print('left')", "coffea"),
        new_markdown_cell("## RDataFrame\n\nRight."),
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


def _build(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Call jupyter-book as `make book` does, outside any pipeline."""
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
    _project(folder, repository, {"one": _paired(figure, _cell(LEAVE, "timing"))}, pages)
    done = _build(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "_build" / "html"


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> "subprocess.CompletedProcess[str]":
    """Build a book in which three recipes break one rule each."""
    folder = tmp_path_factory.mktemp("broken")
    repository = Path(__file__).resolve().parents[2]
    recipes = {
        "fails": _paired(_cell("1 / 0")),
        "mute": _paired(_cell(FIGURE)),
        "lonely": [new_markdown_cell("# A recipe"), _cell("1", "coffea")],
    }
    _project(folder, repository, recipes, {"index": "# Home\n"})
    return _build(folder)


def _page(html: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((html / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


def test_engines_stand_in_one_block(built: Path) -> None:
    """Both engines' cells are in panels of one block, their headings with them."""
    panels = _page(built, "recipes/one").select(".engines > .engine")
    assert [panel.select("h2")[0].text.rstrip("#") for panel in panels] == ["coffea", "RDataFrame"]
    assert [panel.select(".cell_output")[0].text.strip() for panel in panels] == ["left", "right"]


def test_headings_stay_in_the_contents(built: Path) -> None:
    """The page's own contents still lists the engines."""
    contents = _page(built, "recipes/one").select("nav.page-toc a")
    assert [link.text.strip() for link in contents] == ["coffea", "RDataFrame", "The rest"]


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


def test_summary_is_read_after_the_recipe(built: Path) -> None:
    """A page that sorts before the recipes sees what they left."""
    assert "by the recipe" in _page(built, "book/performance").text


def test_references_end_the_page(built: Path) -> None:
    """The references of the metadata are listed on the page."""
    links = _page(built, "recipes/one").select(".recipe-references a")
    assert [(link.text, link["href"]) for link in links] == [("A paper", "https://example.org/paper")]


def test_generated_parts_are_filled_in(built: Path) -> None:
    """Cards, index, status and citation are there."""
    assert _page(built, "book/index").select(".recipe-card a[href='../recipes/one.html']")
    page = _page(built, "book/all")
    assert [caption.text.split(",")[0] for caption in page.find_all("caption")] == [
        "coffea",
        "RDataFrame",
        "Executions in this build",
    ]
    assert "@misc{analysis-pattern-cookbook," in page.text


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
    """The build goes on to the end, then names the notebook that failed and where its traceback is."""
    assert "notebooks failed: recipes/fails (CellExecutionError); tracebacks are in" in broken.stderr


def test_figure_without_alt_text_is_named(broken: "subprocess.CompletedProcess[str]") -> None:
    """A figure that a screen reader can't describe is a warning, so an error."""
    assert "recipes/mute: the figure" in broken.stderr
    assert "has no alt text; add `mystnb: {image: {alt: …}}`" in broken.stderr


def test_lonely_engine_is_named(broken: "subprocess.CompletedProcess[str]") -> None:
    """An engine without a counterpart beside it is a warning, so an error."""
    assert "recipes/lonely: a cell tagged with one engine has no counterpart" in broken.stderr


def test_only_an_unchanged_book_keeps_its_executions(built: Path) -> None:
    """A second build executes nothing again, until the lock, the data or the helper package changes."""
    folder = built.parents[1]
    assert "Executing notebook" not in _build(folder).stdout
    (folder / "requirements.txt").write_text("other==1\n")
    assert "recipes/one.ipynb: Executing notebook" in _build(folder).stdout
