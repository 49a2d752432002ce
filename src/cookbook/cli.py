"""The cookbook's commands, as the Makefile calls them: `python -m cookbook.cli --help`."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cookbook import common as common_cells
from cookbook import corrections, execution, inputs, notebooks
from cookbook.recipe import Files, Recipe, RecipeError, all_recipes, load, slugs

__all__ = ["main", "parsed_files"]

BENCH_ROUNDS = 5
BENCH_SCALE = 2


class Faults(click.Group):
    """A group whose commands report the cookbook's own errors in one line, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a fault of the recipe or of its input ends it with exit code 1."""
        try:
            return super().invoke(ctx)
        except (RecipeError, inputs.InputError, corrections.CorrectionError, execution.ExecutionError) as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Faults)
def main() -> None:
    """Run, start, check and time the recipes of the cookbook."""


@main.command()
@click.argument("name")
@click.argument("files", nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("_build/recipes"), help="Folder of the result.")
def recipe(name: str, files: tuple[str, ...], out: Path) -> None:
    """Run recipe NAME on FILES and write the executed notebook and a web page.

    A recipe of several datasets takes them as dataset=path, once per file.
    """
    chosen = load(name)
    given = parsed_files(chosen, files)
    events = inputs.check(given, chosen.metadata["branches"], chosen.metadata.get("simulation_branches", ()))
    chosen.check_corrections(chosen.parameters())
    click.echo(f"{name}: {events} events in {len(inputs.paths(given))} file(s)")
    notebook = notebooks.run(chosen, given, out)
    click.echo(f"Executed notebook: {notebook}\nWeb page: {notebooks.to_html(notebook)}")


@main.command()
@click.argument("name")
def new(name: str) -> None:
    """Start recipe NAME: a notebook that already passes, and its line in the table of contents."""
    click.echo(f"Started {notebooks.create(name)}: edit it, then 'make accept NAME={name}' and 'make book'")


@main.command()
@click.argument("name")
def accept(name: str) -> None:
    """Execute recipe NAME and store the output of its check cells, and of no other."""
    for line in notebooks.accept(load(name)):
        click.echo(line)


@main.command()
def common() -> None:
    """Write the cells of recipes/common into every notebook that copies them."""
    for line in common_cells.write():
        click.echo(line)


@main.command()
@click.argument("part", type=click.Choice(list(execution.FOLDERS)))
@click.argument("names", nargs=-1)
def execute(part: execution.Part, names: tuple[str, ...]) -> None:
    """Execute the PART of recipes NAMES (all, if none is given) whose key has changed.

    Pages are executed side by side, timings one after the other.
    """
    failed = []
    with ProcessPoolExecutor(1 if part == "timing" else os.cpu_count()) as pool:
        todo = {pool.submit(_execute, name, part): name for name in names or slugs()}
        for done in as_completed(todo):
            try:
                click.echo(done.result())
            except execution.ExecutionError as error:
                failed.append(todo[done])
                click.echo(str(error), err=True)
    if failed:
        raise click.ClickException(f"{', '.join(failed)}: the tracebacks stand above")


def _execute(name: str, part: execution.Part) -> str:
    """Execute one part of a recipe, unless nothing has changed, and return a line that says so."""
    chosen = load(name)
    known, asked = execution.current(chosen, part), os.environ.get("COOKBOOK_TIMING")
    # a careful timing serves where a quick one is asked for, but not the other way round
    if known and (part == "page" or asked == "quick" or known.metadata[execution.RECORD]["timing"] == asked):
        return f"{part:8} {name:30} unchanged"
    seconds = execution.execute(chosen, part).metadata[execution.RECORD]["seconds"]
    return f"{part:8} {name:30} {seconds:6.1f} s"


@main.command()
@click.argument("names", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), default=Path("benchmarks"), help="Folder of the result.")
def bench(names: tuple[str, ...], out: Path) -> None:
    """Time recipes NAMES (all, if none is given) with more rounds and a larger input than their pages do."""
    from cookbook import timing

    records = []
    for chosen in [load(name) for name in names] or all_recipes():
        parameters = chosen.parameters()
        small, large = (BENCH_SCALE * events for events in parameters["TIMING_EVENTS"])
        try:
            result = timing.measure(chosen, parameters["FILES"], (small, large), BENCH_ROUNDS)
        except timing.TimingError as error:
            raise click.ClickException(str(error)) from error
        click.echo(f"{chosen.slug}\n{result}\n")
        if isinstance(result, timing.Timing):
            records.append(result.as_dict())
    path = out / f"{datetime.now(UTC).date().isoformat()}-{platform.node()}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(records, indent=1) + "\n")
    click.echo(f"Wrote {path}")


def parsed_files(chosen: Recipe, files: Sequence[str]) -> Files:
    """Return `files` as the recipe takes them: absolute paths in a list, or in a dictionary by dataset."""
    if chosen.metadata["input"] == "files":
        return [_absolute(path) for path in files]
    grouped: dict[str, list[str]] = {}
    for item in files:
        dataset, equals, path = item.partition("=")
        if not equals or not dataset or not path:
            example = " ".join(f"{name}=file.root" for name in list(chosen.parameters()["FILES"])[:2])
            raise inputs.InputError(f"'{item}': {chosen.slug} takes files by dataset; write FILES=\"{example}\"")
        grouped.setdefault(dataset, []).append(_absolute(path))
    return grouped


def _absolute(path: str) -> str:
    return path if "://" in path else str(Path(path).absolute())


if __name__ == "__main__":
    main()
