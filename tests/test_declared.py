"""Exceptions that a recipe declares are read, and a misspelt one is an error."""

from pathlib import Path

import pytest

from declared import ExceptionsError, RecipeExceptions, exceptions, read

PARAMETERS = {"WINDOW": (60.0, 120.0), "OBJECT": {"Muon": (13, 8)}, "TRIGGERS": ["HLT_IsoMu24"], "FILES": []}


def declared(folder: Path, text: str) -> RecipeExceptions:
    """Read a file with this text."""
    path = folder / "exceptions.toml"
    path.write_text(text)
    return read(path, PARAMETERS)


def test_values_have_the_types_of_the_parameters(tmp_path: Path) -> None:
    """Tuples are tuples again, within dictionaries too, and lists are lists."""
    text = 'asked_for = ["Jet_phi"]\nevent_loops = [1, 2]\n[opened]\nWINDOW = [0.0, 1.0]\nTRIGGERS = ["HLT_Mu8"]'
    found = declared(tmp_path, f"{text}\nOBJECT = {{ Muon = [13, 256] }}")
    assert (found.asked_for, found.event_loops) == (["Jet_phi"], [1, 2])
    assert found.opened == {"WINDOW": (0.0, 1.0), "TRIGGERS": ["HLT_Mu8"], "OBJECT": {"Muon": (13, 256)}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("asked = []", r"exceptions\.toml: no exception 'asked'; did you mean asked_for"),
        ("[opened]\nWINDOWS = []", r"exceptions\.toml: no parameter 'WINDOWS'; did you mean WINDOW"),
        ("event_loops = ['1']", r"event_loops is \['1'\]; give a list of int"),
        ("[longer]\nline = 400", r"exceptions\.toml: no limit 'line'; did you mean lines"),
        ("asked_for = [1]", r"asked_for is \[1\]; give a list of str"),
    ],
)
def test_what_is_unknown_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    """The message names what there is."""
    with pytest.raises(ExceptionsError, match=message):
        declared(tmp_path, text)


def test_a_recipe_without_a_file_has_none() -> None:
    """Nothing is needed where nothing is declared."""
    assert exceptions("trijet-mass") == RecipeExceptions()


def test_every_folder_of_exceptions_is_a_recipes(repository: Path) -> None:
    """A file that no recipe reads would stand there for nothing."""
    for path in (repository / "tests" / "recipes").glob("*/exceptions.toml"):
        assert (repository / "recipes" / f"{path.parent.name}.ipynb").is_file()
