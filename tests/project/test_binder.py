"""Binder builds the conda environment with the lock: asked of repo2docker's own code, without a container."""

import os
from pathlib import Path

import pytest
from repo2docker.app import Repo2Docker
from repo2docker.buildpacks import BuildPack, CondaBuildPack
from repo2docker.utils import is_local_pip_requirement


@pytest.fixture
def buildpack(repository: Path, monkeypatch: pytest.MonkeyPatch) -> BuildPack:
    """Return the build pack that repo2docker picks: the first that detects its files."""
    monkeypatch.chdir(repository)
    application = Repo2Docker()
    candidates = (pack(base_image=application.base_image) for pack in application.buildpacks)
    picked: BuildPack = next(pack for pack in candidates if pack.detect())
    picked.platform = "linux/amd64"
    return picked


def test_the_conda_build_pack_is_picked(buildpack: BuildPack) -> None:
    """No other file of the repository makes Binder build anything but environment.yml."""
    assert type(buildpack) is CondaBuildPack


def test_it_is_python_of_the_lock(buildpack: CondaBuildPack) -> None:
    """Binder's notebook server has the Python that the lock was made for."""
    assert buildpack.python_version == "3.11"


def test_its_environment_installs_the_lock(buildpack: CondaBuildPack) -> None:
    """The build updates its environment from environment.yml, whose pip part is the lock and nothing else."""
    ((user, script),) = buildpack.get_env_scripts()
    assert user == "${NB_USER}"
    assert 'env update -p ${NB_PYTHON_PREFIX} --file "environment.yml"' in script
    (pip,) = (entry["pip"] for entry in buildpack.environment_yaml["dependencies"] if not isinstance(entry, str))
    assert pip == ["-r requirements.txt"]


def test_the_lock_is_there_when_it_is_installed(buildpack: CondaBuildPack) -> None:
    """The whole repository is copied before the environment is made, because environment.yml refers to the lock."""
    assert is_local_pip_requirement("-r requirements.txt")
    dockerfile = buildpack.render()
    assert dockerfile.index("COPY --chown") < dockerfile.index('--file "environment.yml"')


def test_the_package_is_installed_without_its_dependencies(repository: Path, buildpack: CondaBuildPack) -> None:
    """Binder runs postBuild, which adds the helper package and lets pip choose no version."""
    assert buildpack.get_post_build_scripts() == ["postBuild"]
    assert os.access(repository / "postBuild", os.X_OK)
    script = (repository / "postBuild").read_text(encoding="utf-8")
    assert "pip install --quiet --no-deps --no-build-isolation --editable ." in script
