"""Run a notebook with papermill, quietly, and say in one line why it did not come to its end."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from papermill import PapermillExecutionError, execute_notebook
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from tqdm import tqdm

from cookbook import ownfiles, progress
from cookbook.execution import ExecutionError

__all__ = ["execute"]

ENGINE = "cookbook"
# Beside the reader's own: histograms that stay empty are a result, and no debugger warns.
VARIABLES = {"COOKBOOK_EMPTY": "allow", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
# Of a figure the page shows the first and the results hold both.
ARGUMENTS = ["--log-level=CRITICAL", "--InlineBackend.figure_formats={'png', 'pdf'}"]
START_TIMEOUT = 300  # seconds, where the machine is busy
TICK = 1.0  # seconds
BAR = "{desc} |{bar:30}| {elapsed}{postfix}"


class QuietEngine(NBClientEngine):  # type: ignore[misc]  # papermill has no types
    """papermill's own engine, with the kernel's messages in a file and cells that may fail."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> None:
        """Execute the cells one after the other, and show how many events each engine has read."""
        client = PapermillNotebookClient(
            nb_man,
            kernel_name=kernel_name,
            timeout=None,  # a reader's files take what they take
            startup_timeout=kwargs["start_timeout"],
            log=logging.getLogger("papermill"),
            extra_arguments=[*ARGUMENTS, f"--ext={progress.EXTENSION}"],
            coalesce_streams=True,
        )
        with TemporaryDirectory(prefix="cookbook-progress-") as folder, Path(kwargs["messages"]).open("w") as messages:
            counts = progress.Counts(Path(folder) / "counts", kwargs["events"])
            variables = {**os.environ, **VARIABLES, progress.VARIABLE: str(counts.path)}
            with _shown(kwargs["title"], nb_man.nb.cells, counts):
                client.execute(env=variables, stderr=messages)
        ownfiles.pass_over(nb_man.nb)


@contextmanager
def _shown(title: str, cells: Sequence[Any], counts: progress.Counts) -> Iterator[None]:
    """Draw a bar by events, anew every second, where there is a terminal: a cell may take hours."""
    ended = threading.Event()

    def draw(bar: Any) -> None:
        while not ended.wait(TICK):
            done = sum(_is_done(cell) for cell in cells)
            bar.set_description_str(f"{title}: {done} of {len(cells)} cells", refresh=False)
            bar.set_postfix_str(counts.line(), refresh=False)
            bar.n = max(bar.n, counts.read())  # the whole job comes after what reads a few events of one file
            bar.refresh()

    with tqdm(total=counts.expected, desc=title, bar_format=BAR, leave=False, disable=None) as bar:
        thread = threading.Thread(target=draw, args=(bar,), daemon=True)
        if not bar.disable:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            if not bar.disable:
                thread.join()


def _is_done(cell: Any) -> bool:
    return bool(cell.metadata.get("papermill", {}).get("status") == "completed")


papermill_engines.register(ENGINE, QuietEngine)


def execute(source: Path, target: Path, parameters: Mapping[str, Any], folder: Path, name: str, events: int) -> Any:
    """Execute a notebook with `parameters` in a folder, write it to `target` and return it.

    What the kernel says outside its cells goes to a file beside `target`, with the suffix ``.log``. The progress has
    the name and goes by the `events` that the files hold, where there is a terminal.

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
            progress_bar=False,
            title=name,
            events=events,
        )
    except PapermillExecutionError as error:
        why = ownfiles.what_raised(error.ename, error.evalue, error.traceback)
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
