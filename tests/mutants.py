"""Judge mutations of a recipe in processes of their own.

A mutated engine runs on a few events of each dataset first, which finds nearly every fault; what survives runs on all
events, so that a fault is only called missed on all of them.

All mutations of an engine share a process, in which what did not change is compiled once. ROOT keeps what it has
declared, so a mutated declaration in C++ comes with new names. An error in ROOT may leave unfinished code behind: the
unchanged recipe must then still give its answer, or the rest goes to a new process.
"""

import itertools
import multiprocessing
import os
import pickle
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing import forkserver
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import runs
from cookbook import agreement, recipe
from cookbook.recipe import ENGINES, Engine, Files, Recipe
from mutations import Mutation

PROCESSES = 2
TIMEOUT = 120  # seconds for one mutation; a fault may also make a loop endless
NUMBERS = itertools.count()
# How a cell declares C++: by ROOT's own function, or by the common cell around it.
DECLARING = re.compile(r'(?:\bDeclare|^declare)\(r?"""', flags=re.MULTILINE)
# Lines without indent that define a type or another name for one, a function, or a variable.
TYPE = r"^(?:template <.*> )?(?:struct|enum|using) (\w+)(?: {|;| =)"
VARIABLE = r"^(?!using|struct|enum|return)(?:[\w:]+(?:<[^;()]*>)?[ *&]+)+(\w+);"
FUNCTION = r"^(?:template <.*> )?(?!using|struct|enum|[#/}])[^\s(][^(\n]*?\b(\w+)\("


@dataclass(frozen=True)
class Verdict:
    """What became of a mutation: found by the gate, ended by an error, or missed."""

    mutation: Mutation
    text: str

    @property
    def missed(self) -> bool:
        """Whether nothing noticed."""
        return self.text == "missed"


@dataclass(frozen=True)
class Input:
    """Files that mutated engines run on, and the place of what the unchanged coffea half gives for them."""

    files: Files
    place: Path

    def reference(self, subject: Recipe) -> Mapping[str, Any]:
        """Return these histograms, computed by whichever process needs them first."""
        if not self.place.exists():
            self.keep(subject.run("coffea", self.files))
        histograms: Mapping[str, Any] = pickle.loads(self.place.read_bytes())
        return histograms

    def keep(self, histograms: Mapping[str, Any]) -> None:
        """Write histograms where the others find them."""
        partial = self.place.with_suffix(f".{os.getpid()}.partial")
        partial.write_bytes(pickle.dumps(dict(histograms)))
        partial.replace(self.place)


def judge(subject: Recipe, mutation: Mutation, inputs: Sequence[Input]) -> str:
    """Return what the gate says of one mutated engine against the histograms of the unchanged one.

    The inputs are asked in turn, until the gate finds something.
    """
    text, sources = "missed", renamed(subject, mutation)
    for given in inputs:
        text = gate(subject, mutation.engine, sources, given.files, given.reference(subject))
        if text != "missed":
            break
    return text


def gate(
    subject: Recipe, engine: Engine, sources: Mapping[int, str], files: Files, reference: Mapping[str, Any]
) -> str:
    """Run an engine with other cells, and its variants until one differs from the reference."""
    try:
        for variant in (v for v in subject.variants() if v.startswith(engine)):
            result = subject.run(variant, files, replace=sources)
            coffea, rdataframe = (result, reference) if engine == "coffea" else (reference, result)
            # of few events none may be in a histogram
            findings = [f for c in agreement.compare(coffea, rdataframe, empty=True) for f in c.findings]
            if findings:
                return f"found {findings[0]}"
    except Exception as error:
        return f"raised {type(error).__name__}"
    return "missed"


def check_with(subject: Recipe, right: str, wrong: str) -> None:
    """Let the gate compare all events where one text of RDataFrame's half is another: it raises what it finds."""
    (cell,) = (cell for cell in subject.source("rdataframe") if right in cell.source)
    mutation = Mutation("rdataframe", cell.index, "another text", wrong, cell.source.replace(right, wrong))
    files = subject.parameters()["FILES"]
    coffea = subject.run("coffea", files)
    agreement.check(coffea, subject.run("rdataframe", files, None, renamed(subject, mutation)))


def renamed(subject: Recipe, mutation: Mutation) -> Mapping[int, str]:
    """Return the cells that a mutation changes; all of the engine's, with new names, where it is in a declaration."""
    sources = {**{cell.index: cell.source for cell in subject.source(mutation.engine)}, **mutation.replace}
    if not DECLARING.search(mutation.source):
        return mutation.replace
    names, number = "|".join(sorted(declared("\n".join(sources.values())))), next(NUMBERS)
    return {index: re.sub(rf"\b({names})\b", rf"\g<0>_{number}", source) for index, source in sources.items()}


def declared(source: str) -> set[str]:
    """Return the names that declarations in C++ add to the global scope."""
    names: set[str] = set()
    for text in re.findall(rf'{DECLARING.pattern}\n(.*?)"""', source, flags=re.DOTALL | re.MULTILINE):
        names.update(n for kind in (TYPE, FUNCTION, VARIABLE) for n in re.findall(kind, text, flags=re.MULTILINE))
    return names


def work(path: str, todo: Sequence[tuple[Mutation, Path]], inputs: Sequence[Input]) -> None:
    """Judge mutations one after the other, and write each verdict into its file."""
    subject = recipe.load(path)
    declaring = (m for m, _ in todo if DECLARING.search(m.source))
    text = without(next(declaring, todo[0][0]), subject, inputs)
    if text != "missed":
        raise RuntimeError(f"{path}: {todo[0][0].engine} without a fault, its declarations renamed: {text}")
    for mutation, file in todo:
        text = judge(subject, mutation, inputs)
        partial = file.with_suffix(".partial")
        partial.write_text(text)
        partial.replace(file)
        broken = mutation.engine == "rdataframe" and text.startswith("raised")
        if broken and without(mutation, subject, inputs) != "missed":
            return


def without(mutation: Mutation, subject: Recipe, inputs: Sequence[Input]) -> str:
    """Judge the recipe without the mutation: "missed" where it still gives its answer in this process."""
    original = next(cell.source for cell in subject.cells if cell.index == mutation.cell)
    return judge(subject, replace(mutation, source=original), inputs[:1])


@dataclass
class Batch:
    """Mutations that share a process, each with the file of its verdict, and the process once it has started."""

    todo: list[tuple[Mutation, Path]]
    task: Any = None
    since: float = 0.0

    def start(self, context: Any, path: Path, inputs: Sequence[Input]) -> None:
        """Judge what is still to do in a new process."""
        self.task, self.since = context.Process(target=work, args=(str(path), self.todo, inputs)), time.monotonic()
        self.task.start()

    def collect(self) -> Iterator[Verdict]:
        """Yield the verdicts that are there; end a process that is stuck or has died with one for its mutation."""
        self.task.join(0.05)
        alive = self.task.is_alive()
        while self.todo and self.todo[0][1].exists():
            mutation, file = self.todo.pop(0)
            self.since = time.monotonic()
            yield Verdict(mutation, file.read_text())
        if alive and self.todo and time.monotonic() - self.since > TIMEOUT:
            self.task.kill()
            self.task.join()
            alive = False
        if self.task.exitcode == 1:
            raise RuntimeError("a process of mutations failed: its error stands above")
        if not alive and self.task.exitcode and self.todo:
            yield Verdict(self.todo.pop(0)[0], f"ended with code {self.task.exitcode}")


def batches(chosen: Sequence[Mutation], folder: Path) -> list[Batch]:
    """Return mutations in groups that share a process."""
    numbered = [(mutation, folder / f"{number}.txt") for number, mutation in enumerate(chosen)]
    shared = [[entry for entry in numbered if entry[0].engine == engine] for engine in ENGINES]
    return [Batch(group) for group in shared if group]


def verdicts(subject: Recipe, chosen: Sequence[Mutation]) -> list[Verdict]:
    """Judge mutations of a recipe in processes forked from a warm server, and return the verdicts in their order."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["warm", "mutants"])
    with patch.dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)):  # which Python 3.11 does not hand over
        forkserver.ensure_running()
    with TemporaryDirectory(prefix="cookbook-") as name:
        folder = Path(name)
        inputs = [
            Input(runs.few(subject.slug), folder / "few.pickle"),
            Input(subject.parameters()["FILES"], folder / "all.pickle"),
        ]
        inputs[0].keep(runs.on_few(subject.slug, "coffea"))
        judged = list(_judged(context, subject, batches(chosen, folder), inputs))
    return sorted(judged, key=lambda verdict: chosen.index(verdict.mutation))


def _judged(context: Any, subject: Recipe, waiting: list[Batch], inputs: Sequence[Input]) -> Iterator[Verdict]:
    running = list[Batch]()
    while waiting or running:
        while waiting and len(running) < PROCESSES:
            running.append(waiting.pop(0))
            running[-1].start(context, subject.path, inputs)
        for batch in list(running):
            yield from batch.collect()
            if not batch.task.is_alive() and not any(file.exists() for _, file in batch.todo[:1]):
                running.remove(batch)
                waiting[:0] = [batch] if batch.todo else []
