"""Keep the generator's events of each chunk, under a key of all that they depend on."""

import hashlib
import pickle
import sys
from importlib.metadata import packages_distributions, version
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Any

from . import generator
from .jobs import Job

ROOT = Path(__file__).parents[2]


def dependencies(root: Path = ROOT) -> tuple[list[Path], list[str]]:
    """Find what the generator imports, directly or not: our own files below `root`, and the names of other packages."""
    finder = ModuleFinder(path=[str(root)])
    finder.import_hook(generator.__name__)
    own = sorted(Path(vars(module)["__file__"]) for module in finder.modules.values())
    names = {name.partition(".")[0] for name in finder.badmodules}
    return own, sorted(names - sys.stdlib_module_names - finder.modules.keys())


def key(job: Job, root: Path = ROOT) -> str:
    """Name of a chunk: changes with the job, with the source of the generator and with the packages it uses."""
    own, packages = dependencies(root)
    provided = packages_distributions()
    versions = [f"{found} {version(found)}" for name in packages for found in provided[name]]
    digest = hashlib.sha256(repr((job, versions)).encode())
    for path in own:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:24]


def generated(job: Job, folder: Path | None) -> Any:
    """Get the generator's events of a job, from the cache folder where they are there."""
    if folder is None:
        return generator.generate(job)
    path = folder / f"{job.process}-{job.purpose}-{job.chunk}-{key(job)}.pkl"
    if path.exists():
        with path.open("rb") as stream:
            return pickle.load(stream)
    events = generator.generate(job)
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as stream:
        pickle.dump(events, stream)
    partial.replace(path)
    return events
