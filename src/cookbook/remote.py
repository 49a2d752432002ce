"""Copy files from servers before a recipe runs on them.

Its page runs both engines in one process, where ROOT 6.40 and uproot's client, xrootd 6.2, crash as soon as both have
read from an XRootD server: each brings a library of its own. From a web server the ROOT of Python's package reads
nothing. A copy stays in the cache and serves the next run, as long as the server's file has the same size and time.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import fsspec
from tqdm import tqdm

from cookbook import keys, sample

__all__ = [
    "Remote",
    "RemoteError",
    "copied",
    "found",
    "is_address",
    "is_remote",
    "is_xrootd",
    "limit_waiting",
    "what_failed",
]

XROOTD = "root://"
WEB = "http://", "https://"
# What an XRootD server says of a file that it does not have.
NO_SUCH_FILE = "[3011]"
CHUNK = 16 * 2**20  # bytes of one request: the time of an answer does not count, and the progress moves
# The client's own limits, 120 s five times over, look like a program that hangs.
LIMITS = {"XRD_CONNECTIONWINDOW": "10", "XRD_CONNECTIONRETRY": "2"}


class RemoteError(OSError):
    """A file cannot be copied from its server; the message names it and the fix."""


@dataclass(frozen=True)
class Remote:
    """A file on a server, with what tells whether a copy is still its copy: `size` in bytes, `time` in seconds.

    Of a server that states no time each run takes a copy of its own.
    """

    address: str
    size: int
    time: int | None

    @property
    def copy(self) -> Path:
        """The place of its copy in the cache, by server and path."""
        parts = urlsplit(self.address)
        path = posixpath.normpath("/" + parts.path.lstrip("/"))
        place = folder() / quote(parts.netloc.rpartition("@")[2], safe="") / quote(path.lstrip("/"))
        if is_xrootd(self.address) or not parts.query:
            return place
        # a query names the file, and may hold a secret
        return place.with_name(f"{keys.digest(parts.query)[:16]}-{place.name}")

    @property
    def is_copied(self) -> bool:
        """Whether the copy is there, of this size and time."""
        if not self.copy.is_file():
            return False
        status = self.copy.stat()
        return (status.st_size, int(status.st_mtime)) == (self.size, self.time)


def folder() -> Path:
    """Return the folder of all copies."""
    return sample.cache_folder() / "copies"


def limit_waiting() -> None:
    """Have XRootD clients that start from now on say within a minute that a server does not answer."""
    for name, value in LIMITS.items():
        os.environ.setdefault(name, value)


def is_address(path: str) -> bool:
    """Return whether a path is an address of any protocol."""
    return "://" in path


def is_xrootd(path: str) -> bool:
    """Return whether a path is an address of XRootD."""
    return path.startswith(XROOTD)


def is_remote(path: str) -> bool:
    """Return whether a path is an address of XRootD or of a web server."""
    return path.startswith((XROOTD, *WEB))


def what_failed(address: str, error: Exception) -> str:
    """Return what a server or its protocol said of a file, and the fix."""
    said = str(error).strip().partition("\n")[0]
    status = re.search(r"\[(FATAL|ERROR)\] .*", said)  # of XRootD, after what Python called
    reason = f"{type(error).__name__}: {status.group() if status else said}"
    if isinstance(error, FileNotFoundError) or NO_SUCH_FILE in said:
        return f"no such file on the server ({reason}); check the path"
    if isinstance(error, ImportError):
        return f"cannot be opened ({reason})"
    if urlsplit(address).scheme not in fsspec.available_protocols():
        return f"cannot be opened ({reason}); give a path, or an address such as root://… or https://…"
    login = ", and your grid proxy (voms-proxy-info)" if address.startswith(("root:", "xroot", "davs:")) else ""
    return f"the server cannot be reached, or refuses ({reason}); check the address and the network{login}"


def found(addresses: Collection[str]) -> list[Remote]:
    """Ask the servers for size and time of files.

    Raises
    ------
    RemoteError
        If a server does not answer, or does not have a file.
    """
    limit_waiting()
    return [_asked(address) for address in addresses]


def copied(files: Collection[Remote], title: str = "") -> Mapping[str, str]:
    """Copy files that have no copy yet, with a progress bar under this title, and return all copies by address.

    Raises
    ------
    RemoteError
        If there is no room for the copies, or a server stops answering.
    """
    missing = [file for file in files if not file.is_copied]
    total = sum(file.size for file in missing)
    _check_room(total)
    with tqdm(total=total, desc=title, unit="B", unit_scale=True, leave=False, disable=None) as bar:
        for file in missing:
            _copy(file, bar)
    return {file.address: str(file.copy) for file in files}


@contextmanager
def _named(address: str) -> Iterator[None]:
    """Name the file in whatever its server answers."""
    try:
        yield
    except Exception as error:  # each protocol has kinds of its own
        raise RemoteError(f"{address}: {what_failed(address, error)}") from error


def _asked(address: str) -> Remote:
    with _named(address):
        system, path = fsspec.url_to_fs(address)
        told = system.info(path)
        if told["size"] is None:
            raise EOFError("it does not state the size of the file")
        return Remote(address, int(told["size"]), _time(told))


def _time(told: Mapping[str, Any]) -> int | None:
    """Return when a file was changed, by what its server said, in seconds."""
    if changed := told.get("Last-Modified"):
        return int(parsedate_to_datetime(changed).timestamp())
    return int(told["mtime"]) if "mtime" in told else None


def _check_room(needed: int) -> None:
    place = next(path for path in (folder(), *folder().parents) if path.is_dir())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise RemoteError(
            f"{folder()}: no room for copies of {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free; give fewer files, "
            "or another folder in COOKBOOK_CACHE"
        )


def _copy(file: Remote, bar: Any) -> None:
    """Copy a file to its place, where it appears whole."""
    partial = file.copy.with_name(f"{file.copy.name}.{os.getpid()}.partial")
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as out:
            for chunk in _chunks(file):
                out.write(chunk)
                bar.update(len(chunk))
        if file.time is not None:
            os.utime(partial, (file.time, file.time))
        partial.replace(file.copy)
    except RemoteError:
        raise
    except OSError as error:
        raise RemoteError(
            f"{file.address}: cannot be copied to {file.copy} ({error.strerror or error}); free space there, or give "
            "another folder in COOKBOOK_CACHE"
        ) from error
    finally:
        with suppress(OSError):  # it has its own name by now, or never came to be
            partial.unlink()


def _chunks(file: Remote) -> Iterator[bytes]:
    system, path = fsspec.url_to_fs(file.address)
    for start in range(0, file.size, CHUNK):
        end = min(start + CHUNK, file.size)
        with _named(file.address):
            chunk: bytes = system.cat_file(path, start=start, end=end)
            if len(chunk) > end - start:
                raise EOFError("it sends the file as a whole, whatever part is asked for")
            if len(chunk) < end - start:
                raise EOFError(f"it ended after {start + len(chunk)} of {file.size} bytes")
        yield chunk
