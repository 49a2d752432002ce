"""Run a notebook with papermill, quietly, and say in one line why it did not come to its end."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from papermill import PapermillExecutionError, execute_notebook
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines

from cookbook import ownfiles
from cookbook.execution import ExecutionError

__all__ = ["execute"]

ENGINE = "cookbook"
# Beside the reader's own: histograms that stay empty are a result, and no debugger warns.
VARIABLES = {"COOKBOOK_EMPTY": "allow", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
# Of a figure the page shows the first and the results hold both.
ARGUMENTS = ["--log-level=CRITICAL", "--InlineBackend.figure_formats={'png', 'pdf'}"]
START_TIMEOUT = 300  # seconds, where the machine is busy
BAR = "{desc}: {n_fmt} of {total_fmt} cells |{bar:30}| {elapsed}"


class QuietEngine(NBClientEngine):  # type: ignore[misc]  # papermill has no types
    """papermill's own engine, with the kernel's messages in a file and cells that may fail."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> None:
        """Execute the cells one after the other."""
        client = PapermillNotebookClient(
            nb_man,
            kernel_name=kernel_name,
            timeout=None,  # a reader's files take what they take
            startup_timeout=kwargs["start_timeout"],
            log=logging.getLogger("papermill"),
            extra_arguments=list(ARGUMENTS),
            coalesce_streams=True,
        )
        with Path(kwargs["messages"]).open("w") as messages, _ticking(nb_man.pbar):
            client.execute(env={**os.environ, **VARIABLES}, stderr=messages)
        ownfiles.pass_over(nb_man.nb)


@contextmanager
def _ticking(bar: Any) -> Iterator[None]:
    """Draw a progress bar anew every second: a cell may take hours, and its time shows that it is alive."""
    ended = threading.Event()

    def tick() -> None:
        while not ended.wait(1):
            bar.refresh()

    thread = threading.Thread(target=tick, daemon=True)
    if not bar.disable:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if not bar.disable:
            thread.join()


papermill_engines.register(ENGINE, QuietEngine)


def execute(source: Path, target: Path, parameters: Mapping[str, Any], folder: Path, name: str) -> Any:
    """Execute a notebook with `parameters` in a folder, write it to `target` and return it.

    What the kernel says outside its cells goes to a file beside `target`, with the suffix ``.log``. The progress has
    the name, where there is a terminal.

    Raises
    ------
    cookbook.execution.ExecutionError
        If a cell raises or the kernel dies; the message is one line with the cell.
    """
    logging.getLogger("papermill").setLevel(logging.CRITICAL + 1)
    try:
        return execute_notebook(
            str(source),
            str(target),
            dict(parameters),
            engine_name=ENGINE,
            kernel_name="python3",
            start_timeout=START_TIMEOUT,
            language="python",
            cwd=str(folder),
            messages=str(target.with_suffix(".log")),
            progress_bar={"desc": name, "bar_format": BAR, "leave": False, "disable": None},
        )
    except PapermillExecutionError as error:
        why = " ".join(f"{error.ename}: {error.evalue}".split())
        raise ExecutionError(f"cell {error.exec_count} ({_first_line(error.source)}) raised {why}") from error
    except RuntimeError as error:  # nbclient's, where the kernel has died or not come up
        raise ExecutionError(_death(target, error)) from error


def _death(path: Path, error: RuntimeError) -> str:
    """Return a line on a kernel that is no more, with the cell that ran last."""
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    started = [i for i, cell in enumerate(code) if cell.metadata.papermill.start_time]
    if not started:
        return f"the kernel did not start ({' '.join(str(error).split())}); try again when the machine does less"
    last = max(started)
    return (
        f"the kernel died or was stopped in cell {last + 1} ({_first_line(code[last].source)}): the memory was not "
        "enough, or a library crashed; run that cell alone, on one file"
    )


def _first_line(source: str) -> str:
    return next((line.strip() for line in source.splitlines() if line.strip()), "empty")
