"""C++ inside Python cells."""

import pytest
from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Keyword, Token

from cookbook.sphinxext.lexer import PythonWithCpp

CELL = 'import ROOT\nROOT.gInterpreter.Declare("""\n/// A comment.\ndouble f(double x) { return x; }\n""")\ny = 1\n'


def test_no_character_is_lost() -> None:
    """The tokens put together are the cell again."""
    assert "".join(value for _, value in PythonWithCpp().get_tokens(CELL)) == CELL


def test_declared_code_is_cpp() -> None:
    """Keywords and comments of C++ are seen as such."""
    tokens = list(PythonWithCpp().get_tokens(CELL))
    assert (Keyword.Type, "double") in tokens
    assert any(kind in Comment and "A comment." in value for kind, value in tokens)


def test_nothing_is_an_error() -> None:
    """Neither language stumbles at the seam."""
    assert Token.Error not in [kind for kind, _ in PythonWithCpp().get_tokens(CELL)]


@pytest.mark.parametrize("cell", ["x = 1\n", 'text = """double x;"""\n', 'f(Declare)("""x""")\n'])
def test_other_cells_are_plain_python(cell: str) -> None:
    """A string that isn't given to the interpreter stays a string."""
    assert list(PythonWithCpp().get_tokens(cell)) == list(PythonLexer().get_tokens(cell))
