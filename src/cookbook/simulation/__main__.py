"""Command ``python -m cookbook.simulation``: make the sample anew, or a larger or smaller one elsewhere."""

import sys
import time
from pathlib import Path

import click

from cookbook import sample

from . import build
from .truth import load


@click.command()
@click.option("--events", type=click.IntRange(min=1), help="Simulated events in all, before any skim.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write to.")
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Processes.")
@click.option("--cache", type=click.Path(path_type=Path), help="Keep the generator's events here and use them again.")
def main(events: int | None, out: Path | None, workers: int, cache: Path | None) -> None:
    """Make the sample from its seeds.

    Without options this writes the committed sample again, with the same content. With --events the numbers of
    simulated events and the luminosity of the pseudo-data scale together, and the result goes to another folder;
    set COOKBOOK_DATA to it to use it.
    """
    truth = load()
    committed = sample.data_folder()
    if events is not None:
        truth = truth.scaled(events / truth.generated)
        out = out or sample.cache_folder() / f"sample-{events}"
        if out.resolve() == committed:
            raise click.BadParameter(f"{out} holds the committed sample; name another folder", param_hint="--out")
    folder = out or committed
    started = time.monotonic()
    build.build(folder, truth, cache, workers)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    seconds = time.monotonic() - started
    click.echo(f"The sample is in {folder}: {size / 1e6:.1f} MB, made in {seconds:.0f} s")
    if folder.resolve() != committed:
        click.echo(f"Use it with COOKBOOK_DATA={folder.resolve()}")


if __name__ == "__main__":
    sys.exit(main())
