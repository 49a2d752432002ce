"""Files on servers are copied before a recipe runs on them; the servers are real ones."""

import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest

from cookbook import histograms, inputs, remote, sample
from cookbook.server import Proxy, Server

FILE = Path(sample.files("Diboson")[0])
# A mirror of the file on a server that has gone.
GONE = "root://127.0.0.1:{port}//data/a.root"


@pytest.fixture(scope="module")
def server() -> Iterator[Proxy]:
    """Run a server with one file, and return the way to it."""
    if shutil.which("xrootd") is None:
        pytest.skip("no xrootd: apt-get install xrootd-server")
    with Server([]) as running:
        (running.data / "a.root").write_bytes(FILE.read_bytes())
        yield running.proxy()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put copies into a folder of the test."""
    monkeypatch.setenv("COOKBOOK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "copies"


def copy_of(address: str) -> Path:
    """Copy a file and return the place of the copy."""
    return Path(remote.copied(remote.found([address]))[address])


def test_uproot_reads_from_the_server(server: Proxy) -> None:
    """The lock has what root:// needs."""
    assert inputs.check([server.address("a.root")], {"Events": ["nMuon"]}) == inputs.events([str(FILE)])


def test_a_copy_is_whole_and_serves_again(server: Proxy, cache: Path) -> None:
    """It lies under the name of its server, and nothing lies beside it."""
    copy = copy_of(server.address("a.root"))
    assert copy == cache / f"127.0.0.2%3A{server.root}" / "data" / "a.root"
    assert copy.read_bytes() == FILE.read_bytes()
    assert [path for path in cache.rglob("*") if path.is_file()] == [copy]
    before = copy.stat().st_ino
    assert copy_of(server.address("a.root")).stat().st_ino == before


def test_a_file_that_changed_is_copied_anew(server: Proxy) -> None:
    """The time tells, where the size is the same."""
    (server.server.data / "b.root").write_bytes(b"one")
    copy = copy_of(server.address("b.root"))
    (server.server.data / "b.root").write_bytes(b"two")
    os.utime(server.server.data / "b.root", (1, 1))
    assert copy_of(server.address("b.root")).read_bytes() == b"two"
    assert copy.stat().st_mtime == 1


def test_a_file_of_a_web_server_is_copied(server: Proxy) -> None:
    """Anew in each run, where the server states no time."""
    (server.server.data / "web.root").write_bytes(b"one")
    address = server.address("web.root", "http")
    assert copy_of(address).read_bytes() == b"one"
    (server.server.data / "web.root").write_bytes(b"two")
    assert copy_of(address).read_bytes() == b"two"
    with pytest.raises(remote.RemoteError, match=r"none\.root: no such file on the server .*; check the path$"):
        remote.found([server.address("none.root", "http")])


class Web(http.server.BaseHTTPRequestHandler):
    """A web server whose headers its class says, and which ignores which part is asked for."""

    headers_sent: ClassVar[dict[str, str]] = {}

    def do_HEAD(self) -> None:
        """Say what the file is."""
        self.send_response(200)
        for name, value in self.headers_sent.items():
            self.send_header(name, value)
        self.end_headers()

    def do_GET(self) -> None:
        """Send all of it."""
        self.do_HEAD()
        self.wfile.write(b"content")

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def web() -> Iterator[str]:
    """Return an address at such a server."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web) as running:
        threading.Thread(target=running.serve_forever).start()
        yield f"http://127.0.0.1:{running.server_port}/a.root"
        running.shutdown()


def test_the_time_of_a_web_server_tells(web: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As that of an XRootD server."""
    headers = {"Content-Length": "7", "Last-Modified": "Thu, 01 Jan 1970 00:00:05 GMT"}
    monkeypatch.setattr(Web, "headers_sent", headers)
    (asked,) = remote.found([web])
    assert (asked.size, asked.time, asked.is_copied) == (7, 5, False)
    copy_of(web)
    assert asked.is_copied
    headers["Last-Modified"] = "Thu, 01 Jan 1970 00:00:06 GMT"
    (asked,) = remote.found([web])
    assert not asked.is_copied


def test_a_web_server_that_does_not_say_enough_is_an_error(web: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a size no one can tell whether a copy is whole."""
    with pytest.raises(remote.RemoteError, match="it does not state the size of the file"):
        remote.found([web])
    monkeypatch.setattr(Web, "headers_sent", {"Content-Length": "7"})
    with pytest.raises(remote.RemoteError, match="it sends the file as a whole, whatever part is asked for"):
        remote.copied([remote.Remote(web, 3, None)])


def test_what_follows_a_question_mark_names_the_file() -> None:
    """On web servers, where it may hold a secret, which no path repeats."""
    copies = [remote.Remote(f"https://host/file.root{query}", 1, 1).copy for query in ("", "?id=1", "?id=2")]
    assert len({*copies}) == len(copies)
    assert not any("id=" in str(copy) for copy in copies)


def test_no_copy_leaves_the_cache(cache: Path) -> None:
    """Whatever an address has in it, a user's name included."""
    told = remote.Remote("root://me@host:1094//../../data//a b.root?token=1", 1, 1)
    assert told.copy == cache / "host%3A1094" / "data" / "a%20b.root"


def test_a_missing_file_is_told_apart_from_a_server_that_is_gone(server: Proxy) -> None:
    """By the check, and by what copies."""
    missing = rf"{server.address('none.root')}: no such file on the server \(OSError: \[ERROR\] .*\); check the path$"
    with pytest.raises(inputs.InputError, match=missing):
        inputs.check([server.address("none.root")], {"Events": []})
    with pytest.raises(remote.RemoteError, match=missing):
        remote.found([server.address("none.root")])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        gone = GONE.format(port=taken.getsockname()[1])
    # The connection ends it ([FATAL]) or the time for the request ([ERROR]): with XRootD, whichever is first.
    refused = rf"{gone}: the server cannot be reached, .*(\[FATAL\]|\[ERROR\] Operation expired).*voms-proxy-info\)$"
    with pytest.raises(inputs.InputError, match=refused):
        inputs.check([gone], {"Events": []})


def test_a_copy_that_ends_early_leaves_nothing(server: Proxy, cache: Path) -> None:
    """As where a server cuts a file short."""
    (asked,) = remote.found([server.address("a.root")])
    with pytest.raises(remote.RemoteError, match=rf"a\.root: .*it ended after \d+ of {asked.size + 1} bytes"):
        remote.copied([remote.Remote(asked.address, asked.size + 1, asked.time)])
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_no_room_is_said_before_anything_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what it takes and what there is."""
    monkeypatch.setattr("cookbook.remote.shutil.disk_usage", lambda _: SimpleNamespace(free=1e9))
    with pytest.raises(remote.RemoteError, match=r"no room for copies of 3\.0 GB, 1\.0 GB are free; .*COOKBOOK_CACHE"):
        remote.copied([remote.Remote("root://host//a.root", 3 * 10**9, 1)])


def test_a_place_that_cannot_be_written_is_said(server: Proxy, cache: Path) -> None:
    """It is not the server's fault."""
    cache.parent.mkdir(parents=True)
    cache.write_text("a file")
    with pytest.raises(remote.RemoteError, match=r"a\.root: cannot be copied to .*; free space there, or give another"):
        copy_of(server.address("a.root"))


@pytest.mark.parametrize("protocol", ["root", "http"])
def test_a_recipe_runs_on_a_file_of_a_server(server: Proxy, repository: Path, tmp_path: Path, protocol: str) -> None:
    """As on the file itself: both engines, with the address in all that a reader sees."""
    address, out = server.address("a.root", protocol), tmp_path / "out"
    command = [sys.executable, "-m", "cookbook.cli", "recipe", "dimuon-spectrum", address, "--out", str(out)]
    shown = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("dimuon-spectrum: copies 1 file(s) from their servers to ")
    result = out / "dimuon-spectrum"
    found = histograms.read(result)
    assert found["coffea"].keys() == found["rdataframe"].keys()
    for name in ("summary.json", "dimuon-spectrum.ipynb", "dimuon-spectrum.html"):
        text = (result / name).read_text()
        assert (address in text, str(tmp_path / "cache") in text) == (True, False), name


def test_the_recipe_about_servers_reads_them_itself(server: Proxy, repository: Path, tmp_path: Path) -> None:
    """No copy comes between, but from web servers, which RDataFrame cannot read."""
    address = server.address("a.root")
    command = [sys.executable, "-m", "cookbook.cli", "recipe", "remote-reading", address, "--out", str(tmp_path)]
    shown = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    assert "copies" not in shown.stdout
    assert histograms.read(tmp_path / "remote-reading").keys() == {"coffea", "rdataframe"}
