"""Judge mutations of a recipe, each in a process of its own, since what one compiles would be there for the next."""

import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cookbook import agreement, recipe
from cookbook.recipe import Recipe
from mutations import Mutation, mutations

PROCESSES = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2  # where tests run side by side, one each
TIMEOUT = 120  # seconds; a fault may also make a loop endless


@dataclass(frozen=True)
class Verdict:
    """What became of a mutation: found by the gate, ended by an error, or missed."""

    mutation: Mutation
    text: str

    @property
    def missed(self) -> bool:
        """Whether nothing noticed."""
        return self.text == "missed"


def judge(path: str, mutation: Mutation, reference: Mapping[str, Any], verdict: Path) -> None:
    """Write into `verdict` what the gate says of one mutated engine against the histograms of the unchanged one.

    The engine's variants are asked in turn, until one differs.
    """
    subject = recipe.load(path)
    files = subject.parameters()["FILES"]
    findings: list[agreement.Finding] = []
    try:
        for variant in (v for v in subject.variants() if v.startswith(mutation.engine)):
            result = subject.run(variant, files, replace=mutation.replace)
            sides = (result, reference) if mutation.engine == "coffea" else (reference, result)
            findings = [f for c in agreement.compare(*sides) for f in c.findings]
            if findings:
                break
    except Exception as error:
        verdict.write_text(f"raised {type(error).__name__}")
    else:
        verdict.write_text(f"found {findings[0]}" if findings else "missed")


def verdicts(subject: Recipe, folder: Path) -> Iterator[Verdict]:
    """Judge every mutation of a recipe; processes fork from a server that has warmed up."""
    reference = subject.run("coffea", subject.parameters()["FILES"])
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["warm", "mutants"])
    with patch.dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)):  # which Python 3.11 does not hand over
        forkserver.ensure_running()
    waiting = list(enumerate(mutations(subject)))
    running: list[tuple[Mutation, Any, Path, float]] = []
    while waiting or running:
        while waiting and len(running) < PROCESSES:
            number, mutation = waiting.pop()
            path = folder / f"{number}.txt"
            task = context.Process(target=judge, args=(str(subject.path), mutation, reference, path))
            task.start()
            running.append((mutation, task, path, time.monotonic()))
        for job in list(running):
            mutation, task, path, started = job
            task.join(0.05)
            if task.is_alive() and time.monotonic() - started > TIMEOUT:
                task.kill()
                task.join()
            if not task.is_alive():
                running.remove(job)
                yield Verdict(mutation, path.read_text() if path.exists() else f"ended with code {task.exitcode}")
