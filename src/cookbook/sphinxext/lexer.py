"""Colour the C++ that a Python cell declares to ROOT's interpreter as C++, not as one long string."""

import re
from collections.abc import Iterator
from typing import Any

from pygments.lexers.c_cpp import CppLexer
from pygments.lexers.python import PythonLexer
from pygments.token import String, _TokenType

__all__ = ["LANGUAGE", "PythonWithCpp"]

LANGUAGE = "python-with-cpp"
#: A triple-quoted string given to ``gInterpreter.Declare``, ``ProcessLine``, or the ``declare`` of a page.
DECLARED = re.compile(r'(?s)(?<=clare\(|sLine\()(?P<open>\s*[rf]?""")(?P<code>.*?)(?P<close>""")')


class PythonWithCpp(PythonLexer):  # type: ignore[misc]
    """Python, except inside the strings that `DECLARED` finds."""

    name = "Python with C++"
    aliases = [LANGUAGE]  # noqa: RUF012 (as pygments declares it)

    def get_tokens_unprocessed(self, text: str, *args: Any) -> Iterator[tuple[int, _TokenType, str]]:
        """Yield position, kind and text of each token."""
        cpp = CppLexer(stripnl=False, ensurenl=False)
        end = 0
        for found in DECLARED.finditer(text):
            yield from self._python(text, end, found.start())
            yield found.start("open"), String, found["open"]
            start = found.start("code")
            yield from ((start + at, kind, value) for at, kind, value in cpp.get_tokens_unprocessed(found["code"]))
            yield found.start("close"), String, found["close"]
            end = found.end()
        yield from self._python(text, end, len(text))

    def _python(self, text: str, start: int, end: int) -> Iterator[tuple[int, _TokenType, str]]:
        for at, kind, value in super().get_tokens_unprocessed(text[start:end]):
            yield start + at, kind, value
