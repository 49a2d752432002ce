"""Formulas are drawn with files of the book's own host."""

from pathlib import Path

import pytest

from cookbook.sphinxext import mathjax


def test_script_and_fonts_are_copied(tmp_path: Path) -> None:
    """The script that pages load and the fonts it asks for arrive, and little else."""
    mathjax.copy(tmp_path)
    assert (tmp_path / mathjax.SCRIPT).is_file()
    assert list((tmp_path / "mathjax/output/chtml/fonts/woff-v2").glob("*.woff"))
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 3_000_000


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the error says what to install."""
    monkeypatch.setattr(mathjax, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="sphinx-mathjax-offline"):
        mathjax.source()
