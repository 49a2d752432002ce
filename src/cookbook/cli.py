"""The cookbook's commands, as the Makefile calls them: `python -m cookbook.cli --help`."""

from __future__ import annotations

import json
import os
import shlex
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from cookbook import common as common_cells
from cookbook import (
    corrections,
    elsewhere,
    execution,
    inputs,
    job_template,
    jobs,
    notebooks,
    parameters,
    remote,
    results,
    standins,
)
from cookbook.recipe import Recipe, RecipeError, all_recipes, load, slugs
from cookbook.shards import in_shard

__all__ = ["main"]

BENCH_ROUNDS = 3
BENCH_SCALE = 2
ERRORS = (
    RecipeError,
    jobs.JobError,
    inputs.InputError,
    remote.RemoteError,
    corrections.CorrectionError,
    execution.ExecutionError,
)


class Faults(click.Group):
    """A group whose commands report the cookbook's own errors in one line, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a fault of the recipe or of its input ends it with exit code 1."""
        try:
            return super().invoke(ctx)
        except ERRORS as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Faults)
def main() -> None:
    """Run, start, check and time the recipes of the cookbook."""


class Words(click.types.StringParamType):
    """Text; a variable of the environment holds several, parted by blanks and quoted as in a shell."""

    def split_envvar_value(self, rv: str) -> list[str]:
        """Part the value of a variable; no shell sees it, so nothing in it is expanded or run."""
        try:
            return shlex.split(rv)
        except ValueError as error:
            raise jobs.JobError(f"{rv!r}: {error}; quote a name that has quotes or blanks") from error


@main.command()
@click.argument("name", envvar="RECIPE_NAME")
@click.argument("files", nargs=-1, type=Words(), envvar="RECIPE_FILES")
@click.option("--job", envvar="RECIPE_JOB", help="A job file, or 'new' to write one to start from.")
@click.option("--set", "settings", multiple=True, type=Words(), envvar="RECIPE_SET", help="A parameter, NAME=value.")
@click.option("--era", envvar="RECIPE_ERA", help="Names and correction files of an era, such as 2018 or 2022EE.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("_build/recipes"),
    envvar="RECIPE_OUT",
    help="Folder of the result.",
)
def recipe(
    name: str, files: tuple[str, ...], job: str | None, settings: tuple[str, ...], era: str | None, out: Path
) -> None:
    """Run recipe NAME on FILES, or on those of a job file, and write the executed notebook, its page and its results.

    A recipe of several datasets takes files as dataset=path, once per file, under any name of a dataset. `make recipe`
    gives all of this in variables of the environment, so that it arrives as it was written.
    """
    chosen = load(name)
    if job == "new":
        written = job_template.write(chosen, Path(f"{name}.yaml"))
        click.echo(
            f"Wrote {written}: put your files and values in it, then: make recipe NAME={name} JOB={written.name}"
        )
        return
    read = jobs.read(chosen, Path(job) if job else None, files, settings, era)
    for note in read.notes:
        click.echo(f"{name}: {note}")
    folder = _run(chosen, read, out)
    click.echo("\n".join(results.lines(folder)))


def _run(chosen: Recipe, job: jobs.Job, out: Path) -> Path:
    """Check what a job gives, run the recipe on it, and return the folder of the results."""

    def tell(line: str) -> None:
        click.echo(f"{chosen.slug}: {line}")

    chosen.check_corrections({**chosen.parameters(), **job.parameters})
    copied, copies = standins.local(chosen, job, tell)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", inputs.InputWarning)
        values = {**chosen.parameters(), **copied.parameters}
        try:
            events = chosen.check_files(copied.files, values, thorough=True, not_fired=job.not_fired)
        except inputs.InputError as error:
            raise inputs.InputError(copies.taken_out(str(error))) from error
    for warning in found:
        click.echo(f"{chosen.slug}: {copies.taken_out(str(warning.message))}", err=True)
    tell(f"{events} events in {len(inputs.paths(job.files))} file(s)")
    with standins.with_all_paths(chosen, copied, tell) as (ready, whole):
        recipe = parameters.applied(chosen, ready.parameters)
        return results.run(recipe, ready.parameters, out, lambda text: copies.taken_out(whole.taken_out(text)))


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
@click.option("--shard", default="1/1", help="One part of them, such as 2/4.")
def execute(part: execution.Part, names: tuple[str, ...], shard: str) -> None:
    """Execute the PART of recipes NAMES (all, if none is given) whose key has changed.

    Pages are executed side by side, timings one after the other.
    """
    try:
        chosen = [name for name in names or slugs() if in_shard(name, shard)]
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--shard") from error
    _each(chosen, partial(_execute, part=part), 1 if part == "timing" else os.cpu_count())


def _each(names: Sequence[str], work: Callable[[str], str], at_once: int | None) -> None:
    """Do something with recipes, so many at once, print its lines, and fail after the last."""
    failed = []
    with ProcessPoolExecutor(at_once) as pool:
        todo = {pool.submit(work, name): name for name in names}
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
def others(names: tuple[str, ...]) -> None:
    """Run recipes NAMES (all, if none is given) on other files where they changed, and keep what became of them."""
    _each(names or slugs(), _keep, os.cpu_count())


def _keep(name: str) -> str:
    return f"{name:30} {'written' if elsewhere.keep(load(name)) else 'unchanged'}"


@main.command()
@click.argument("names", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), default=Path("benchmarks"), help="Folder of the result.")
@click.option("--resume", is_flag=True, help="Time what the newest result of this machine lacks or did not resolve.")
def bench(names: tuple[str, ...], out: Path, resume: bool) -> None:
    """Time recipes NAMES (all, if none is given) with more rounds and a larger input than their pages do."""
    from cookbook import timing

    machine = timing.machine()
    path = out / f"{datetime.now(UTC).date().isoformat()}-{machine['name']}.json"
    records: dict[str, Any] = {}
    for earlier in sorted(out.glob("*.json")) if resume else []:
        found = json.loads(earlier.read_text(encoding="utf-8"))
        # Machines of one name can have different processors, and their rates do not belong into one table.
        if all(record["machine"] == machine for record in found):
            path, records = earlier, {record["recipe"]: record for record in found}
    for chosen in [load(name) for name in names] or all_recipes():
        engines = records.get(chosen.slug, {}).get("engines", {})
        if engines and all(engine["warm_rate_hz"] for engine in engines.values()):
            continue
        parameters = chosen.parameters()
        small, large = (BENCH_SCALE * events for events in parameters["TIMING_EVENTS"])
        try:
            result = timing.measure(
                chosen, parameters["FILES"], (small, large), BENCH_ROUNDS, timing.parameters_of(chosen)
            )
        except timing.TimingError as error:
            raise click.ClickException(str(error)) from error
        click.echo(f"{chosen.slug}\n{result}\n")
        if isinstance(result, timing.Timing):
            records[chosen.slug] = result.as_dict()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps([records[slug] for slug in sorted(records)], indent=1) + "\n", encoding="utf-8")
    click.echo(f"Wrote {path}" if records else "Nothing was timed")


if __name__ == "__main__":
    main()
