"""Find what one run of a recipe needs: the reader's files, and values in place of the sample's.

A job file is YAML: files, cross sections, luminosity, and any of the recipe's own parameters under its name. A cut that
a job does not give stays as the recipe has it. A value that describes the sample is never used for other files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cookbook import eras, inputs, nanoaod, remote, sample
from cookbook.job_files import GENERAL, UNITS, JobError, checked, grouped, loaded, near, setting
from cookbook.parameters import Offered, as_default, handed_over, in_version, offered, rerun
from cookbook.recipe import Files, Recipe, texts

__all__ = ["Job", "JobError", "read"]


@dataclass(frozen=True)
class Job:
    """What one run sets: `parameters` by name, as papermill takes them, and `notes`, lines for the terminal.

    `not_fired` are trigger paths that the recipe reads and that files may lack.
    """

    parameters: dict[str, Any]
    notes: tuple[str, ...] = ()
    not_fired: tuple[str, ...] = ()

    @property
    def files(self) -> Files:
        """The files, in a list or by dataset."""
        files: Files = self.parameters["FILES"]
        return files


def read(
    recipe: Recipe,
    path: Path | None = None,
    files: Sequence[str] = (),
    settings: Sequence[str] = (),
    era: str | None = None,
) -> Job:
    """Read a job file, and what the command line adds to it.

    Parameters
    ----------
    recipe
        The recipe that is to run.
    path
        A job file; paths in it are relative to its folder.
    files
        Files where the job file has none: paths, or ``dataset=path`` where the recipe takes files by dataset.
    settings
        ``NAME=value``, the value in YAML; they count more than the job file.
    era
        A name in the table of eras, which counts more than that of the job file.

    Raises
    ------
    JobError
        If something is unknown, of another type, or missing.
    cookbook.inputs.InputError
        If a file cannot be read to see whether it is data.
    """
    given = {} if path is None else checked(recipe, loaded(path), str(path), path.absolute().parent)
    if files and given.keys() & {"files", "datasets"}:
        raise JobError(f"{path}: has files of its own; leave out FILES, or those of the job file")
    given |= checked(recipe, dict(map(setting, settings)), "SET", Path.cwd())
    given |= checked(recipe, grouped(recipe, files), "FILES", Path.cwd())
    chosen = str(era or given.get("era", ""))
    if chosen and chosen not in eras.table()["eras"]:
        raise JobError(f"ERA: no era '{chosen}'; {near(chosen, eras.table()['eras'])}")
    datasets = given.get("datasets", {})
    if not datasets and "files" not in given:
        raise JobError(f'{recipe.slug}: no files; give FILES="…", or a job file (JOB=new writes one)')
    by_name: Files = {name: one["files"] for name, one in datasets.items()} if datasets else given["files"]
    data = {name: one["data"] if "data" in one else _is_data(one["files"]) for name, one in datasets.items()}
    return _Reading(recipe, recipe.parameters(), offered(recipe), given, by_name, data, chosen).job()


@dataclass(frozen=True)
class _Reading:
    """A recipe with its own values and what of them is offered; what was given; the files, and which are data."""

    recipe: Recipe
    own: Mapping[str, Any]
    known: Mapping[str, Offered]
    given: Mapping[str, Any]
    files: Files
    data: Mapping[str, bool]
    era: str

    def job(self) -> Job:
        """Put together the parameters, or say all that is missing."""
        fixed = {name: self._fixed(name) for name, one in self.known.items() if not one.of_datasets}
        named = self._of_version(fixed)
        fixed |= named
        changed = {name: value for name, value in fixed.items() if value != self.own[name]}
        by_dataset = self._by_dataset()
        missing = [*self._absent(fixed), *self._not_given(), *self._lacking(by_dataset)]
        if missing:
            raise JobError(
                f"{self.recipe.slug}: your files need {'; '.join(missing)}. Write them in a job file "
                f"(make recipe NAME={self.recipe.slug} JOB=new starts one), or give them with SET"
            )
        values = {**rerun(self.recipe, changed), **by_dataset, "FILES": self.files}
        return Job(handed_over(values), tuple(self._notes(fixed, named)), self._not_fired(values))

    def _not_fired(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the trigger paths that files may lack, of those that the recipe reads with these values."""
        given = self.given.get("not_fired", ())
        read = self.recipe.branches({**self.own, **values})["Events"] if given else ()
        return tuple(name for name in read if name in given)

    @property
    def of_sample(self) -> bool:
        """Whether all files are the sample's, so that its values apply."""
        return all(_of_sample(path) for path in inputs.paths(self.files))

    def _fixed(self, name: str) -> Any:
        """Return the value of a parameter that names no dataset."""
        value = eras.replaced(self.own[name], self.era)
        return as_default(self.given[name], value) if name in self.given else value

    def _of_version(self, fixed: Mapping[str, Any]) -> dict[str, str]:
        """Return the parameters, of those not given, that name a branch as the version of the files has it."""
        if self.of_sample or not any(in_version(self.recipe, fixed, version) for version in nanoaod.versions()):
            return {}
        named = in_version(self.recipe, fixed, inputs.version(inputs.paths(self.files)))
        return {name: branch for name, branch in named.items() if name not in self.given}

    def _by_dataset(self) -> dict[str, Any]:
        """Return what names datasets, with those of the reader in place of the sample's."""
        if not isinstance(self.files, Mapping):
            return {"FILE": self.files[0]} if "FILE" in self.own else {}
        named = [name for name, one in self.known.items() if one.of_datasets]
        values = {name: self._named(self.own[name]) for name in named}
        values |= {name: self.given[name] for name in named if name in self.given}
        if "CROSS_SECTION" in named:
            values["CROSS_SECTION"] = self._cross_sections()
        if "SUM_OF_WEIGHTS" in self.own:
            values["SUM_OF_WEIGHTS"] = self._sums_of_weights(self.files)
        for name, value in values.items():
            for dataset in [value] if isinstance(value, str) else value:
                if dataset not in self.files:
                    raise JobError(f"{name}: no dataset '{dataset}' among yours; {near(dataset, self.files)}")
        if "DATA" in self.own:
            values["DATA"] = [name for name in self.files if self.data[name]]
        if "FILE" in self.own:
            single = [value for value in values.values() if isinstance(value, str)]
            own = next(name for name, members in self.own["FILES"].items() if self.own["FILE"] in members)
            values["FILE"] = self.files[single[0] if single else self._named(own)][0]
        return values

    def _named(self, own: Any) -> Any:
        """Return the reader's datasets in place of the sample's: those of the same name, or of the same kind."""
        names = list(self.files)
        if isinstance(own, dict):
            return eras.replaced({name: value for name, value in own.items() if name in names}, self.era)
        kinds = {name: dataset.kind == "data" for name, dataset in sample.datasets().items()}
        if isinstance(own, str):
            return own if own in names else next((n for n in names if self.data[n] == kinds[own]), names[0])
        return [name for name in names if self.data[name] in {kinds[one] for one in own}]

    def _cross_sections(self) -> dict[str, float]:
        """Return the cross sections of simulation that are known: those given, or of the sample's own files."""
        found = {name: one.get("cross_section") for name, one in self.given["datasets"].items()}
        if self.of_sample:
            recipes = self.own["CROSS_SECTION"]
            for name, dataset in sample.datasets().items():
                section = recipes.get(name, dataset.cross_section)
                members = set(dataset.files)
                found |= {n: found[n] or section for n in found if {*self.given["datasets"][n]["files"]} <= members}
        found |= self.given.get("CROSS_SECTION", {})
        return {name: float(section) for name, section in found.items() if section and not self.data.get(name)}

    def _sums_of_weights(self, files: Mapping[str, Sequence[str]]) -> dict[str, float]:
        """Return the sums of generator weights that are given, or stand in the files under the name of old versions."""
        of_dataset = self.given["datasets"].items()
        found: dict[str, float] = {name: one["sum_of_weights"] for name, one in of_dataset if "sum_of_weights" in one}
        found |= self.given.get("SUM_OF_WEIGHTS", {})
        for name in files.keys() - found.keys() if not self.of_sample else ():
            total = None if self.data[name] else inputs.old_sum_of_weights(files[name])
            found |= {} if total is None else {name: total}
        return found

    def _absent(self, fixed: Mapping[str, Any]) -> Iterator[str]:
        """Yield the correction files of the era that this machine lacks."""
        of_era = ((name, file) for name, file in self._corrections(fixed) if file.startswith(eras.table()["root"]))
        absent = [f"{name} ({file})" for name, file in of_era if not Path(file).is_file()]
        if absent:
            yield (
                f"correction files of {self.era}, which are not on this machine: members of CMS have them where CVMFS "
                f"is mounted, as on lxplus and SWAN, or give a copy as {', '.join(absent)}"
            )

    def _not_given(self) -> Iterator[str]:
        """Yield the values that describe the sample, where other files need their own."""
        if self.of_sample:
            return
        golden = f", for {self.era} {eras.table()['eras'][self.era]['certified']}" if self.era else ""
        simulated, data = not all(self.data.values()) or not self.data, any(self.data.values())
        for name, one in self.known.items():
            if name not in self.given and (one.files or (one.table and data) or (name == "LUMINOSITY" and simulated)):
                shown = next((key for key, parameter in GENERAL.items() if parameter == name), name)
                what = "NanoAOD files, in a list" if one.files else UNITS.get(name, "a path")
                yield f"{shown} ({what}{golden if name == 'CERTIFIED' else ''})"

    def _lacking(self, by_dataset: Mapping[str, Any]) -> Iterator[str]:
        """Yield the values by dataset that some of the reader's datasets lack."""
        for name, value in by_dataset.items():
            if isinstance(value, dict) and name != "SUM_OF_WEIGHTS":
                sections = name == "CROSS_SECTION"
                wanted = [n for n in self.data if n not in value and not (sections and self.data[n])]
                like = "a number in pb" if sections else f"such as {next(iter(self.own[name].values()))}"
                if wanted:
                    yield f"{'cross_section' if sections else name} of {', '.join(wanted)} ({like})"

    def _notes(self, fixed: Mapping[str, Any], named: Mapping[str, str]) -> Iterator[str]:
        """Yield what the reader should know of the values."""
        if named:
            yield f"in this version of NanoAOD {', '.join(f'{name} is {branch}' for name, branch in named.items())}"
        if self.era:
            era = eras.table()["eras"][self.era]
            yield f"ERA={self.era}: names and correction files for NanoAOD v{era['nanoaod']}, {era['folder']}"
        used = {Path(file).name: name for name, file in self._corrections(fixed) if _of_sample(file)}
        if used and not self.of_sample:
            listed = ", ".join(f"{file} ({name})" for file, name in used.items())
            yield f"uses the sample's correction files {listed}; give yours as {next(iter(used.values()))}: …"

    def _corrections(self, fixed: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield the correction files, each with the parameter that holds it."""
        for name, value in fixed.items():
            if self.known[name].corrections:
                yield from ((name, file) for file in texts(value))


def _is_data(paths: Sequence[str]) -> bool:
    """Say whether files are data, as the first one with branches tells."""
    told = (inputs.is_simulation(path) for path in paths)
    return not next((one for one in told if one is not None), False)


def _of_sample(path: str) -> bool:
    return not remote.is_address(path) and Path(path).resolve().is_relative_to(sample.data_folder())
