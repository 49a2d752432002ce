"""What the tools lack on the workers of a cluster, each gap with its smallest reproducer."""

import contextlib
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import ROOT

from cookbook.gaps import Gap
from reproduced import refused, shows, tree

distributed: Any = importlib.import_module("dask.distributed")

pytestmark = pytest.mark.filterwarnings("ignore")  # of workers that lose their scheduler


@contextmanager
def cluster(workers: int) -> Iterator[Any]:
    """Start workers in processes of their own."""
    options = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as one, one.get_client() as client:
        yield client


@contextmanager
def module(folder: Path, name: str, text: str) -> Iterator[str]:
    """Write a module that this process finds and its workers do not, and return its path."""
    (folder / f"{name}.py").write_text(text)
    sys.path.append(str(folder))
    try:
        yield str(folder / f"{name}.py")
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop(name, None)


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="error",
        shows="division by zero",
        effect="Distributed RDataFrame in an adaptive cluster that has no worker just then ends at once.",
        instead="Give `npartitions`.",
        recipe="dask-on-slurm",
        thread="https://github.com/root-project/root/issues/9429",
    )
)
def test_partitions_without_workers(tmp_path: Path) -> None:
    """The default number of partitions is that of the cores there are, also where there is none."""
    path = tree(tmp_path / "a.root", x=[1.0])
    with cluster(0) as client:
        client.cluster.adapt(minimum=0, maximum=1)
        assert ROOT.RDataFrame("Events", path, executor=client).Count().GetValue() == 1


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="error",
        shows="The arguments provided are not accepted by any RDataFrame constructor",
        effect="Of a hundred files the first is missing, and distributed RDataFrame speaks of its arguments.",
        instead="Check the files before the run.",
        recipe="dask-on-slurm",
        thread="none found",
    )
)
def test_first_file_is_missing(tmp_path: Path) -> None:
    """Distributed RDataFrame does not name a first file that is missing."""
    with cluster(0) as client, refused("missing.root"):
        ROOT.RDataFrame("Events", str(tmp_path / "missing.root"), executor=client)


@shows(
    Gap(
        tool="distributed",
        version="2025.3.1",
        kind="error",
        shows="'file.html' not found",
        effect="The performance report fails after the work has been done.",
        instead="bokeh below 3.9, or its template under the old name.",
        recipe="dask-on-slurm",
        thread="https://github.com/dask/distributed/pull/9213",
    )
)
def test_report_with_a_new_bokeh(tmp_path: Path) -> None:
    """`performance_report` asks for a template that bokeh 3.9 calls otherwise."""
    with cluster(0), distributed.performance_report(str(tmp_path / "report.html")):
        pass


@shows(
    Gap(
        tool="distributed",
        version="2025.3.1",
        kind="error",
        shows="pending",
        effect="A task whose module the workers lack cuts them off without an error: the client waits for ever.",
        instead="`client.upload_file` before, or import within the function.",
        recipe="dask-on-slurm",
        thread="none found",
    )
)
def test_task_of_a_missing_module(tmp_path: Path) -> None:
    """A function of a module that workers lack is never answered."""
    with cluster(1) as client, module(tmp_path, "lacking", "def one():\n    return 1\n"):
        one = importlib.import_module("lacking").one
        future = client.submit(one)
        with contextlib.suppress(TimeoutError):
            distributed.wait(future, timeout=10)
        assert future.status == "error", future.status
