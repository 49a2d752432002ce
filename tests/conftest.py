"""What every test may ask for."""

import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the root of the repository."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def tracked(repository: Path) -> list[Path]:
    """Return the paths of the files that git tracks, relative to the repository."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=repository, check=True, capture_output=True, text=True)
    return [Path(name) for name in listed.stdout.split("\0") if name and (repository / name).is_file()]
