"""Both engines read from a real server: by count, and where it fails, lies or goes; nothing is lost in silence."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hist
import pytest
import uproot

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

from cookbook import agreement, recipe
from cookbook.recipe import Engine
from cookbook.server import Server, serve

SUBJECT = recipe.load("remote-reading")
FILES = SUBJECT.parameters()["FILES"]
FILE = FILES[0]
NAME = Path(FILE).name
EVENTS = uproot.open(FILE)["Events"].num_entries

engines = pytest.mark.parametrize("engine", recipe.ENGINES)
pytestmark = pytest.mark.filterwarnings("ignore")  # of clients whose server has gone


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Run a server of the page's files."""
    if shutil.which("xrootd") is None:
        pytest.skip("no xrootd: apt-get install xrootd-server")
    with Server(FILES) as running:
        yield running


@pytest.fixture(scope="module")
def halves() -> dict[str, Any]:
    """Return the two halves as the page has them, without any check of files before."""
    found: dict[str, Any] = {}
    for engine in recipe.ENGINES:
        namespace = SUBJECT.parameters()
        found[engine] = SUBJECT.define(engine, namespace), namespace
    return found


def run(halves: dict[str, Any], engine: Engine, *files: str, mirrors: tuple[str, ...] = ()) -> Any:
    """Run a half on addresses."""
    half, namespace = halves[engine]
    namespace["MIRRORS"][:] = mirrors
    try:
        return half(list(files))
    finally:
        namespace["MIRRORS"].clear()


def events_of(result: Any) -> float:
    """Return how many events a result is about."""
    numbers = result["n_jets"]
    return float(numbers.sum(flow=True) if isinstance(numbers, hist.Hist) else numbers.GetEntries())


def test_addresses_give_what_paths_give(halves: dict[str, Any], server: Server) -> None:
    """In every bin, in both engines."""
    near = server.proxy()
    local = SUBJECT.run("coffea", FILES)
    for engine in recipe.ENGINES:
        agreement.check(local, run(halves, engine, *(near.address(Path(path).name) for path in FILES)))


@engines
def test_a_read_takes_few_requests_and_no_more_bytes_than_it_needs(
    halves: dict[str, Any], server: Server, engine: Engine
) -> None:
    """The second run, which has all descriptions of classes: some times the baskets, far from the file."""
    near = server.proxy()
    for _ in range(2):
        near.counts()
        run(halves, engine, near.address(NAME))
    counts = near.counts()
    size, pieces = counts.pop("bytes"), counts.pop("pieces")
    tree = uproot.open(FILE)["Events"]
    baskets = sum(tree[name].compressed_bytes for name in SUBJECT.metadata["branches"]["Events"])
    assert baskets < size < baskets + 150_000 < Path(FILE).stat().st_size
    assert counts["readv"] >= 1
    assert pieces >= tree["Jet_pt"].num_baskets
    assert counts.total() <= 30


@engines
def test_a_server_that_has_gone_is_named(halves: dict[str, Any], server: Server, engine: Engine) -> None:
    """Beside one that answers, too."""
    gone = server.proxy(limit=0, dies=True).address(NAME)
    with pytest.raises(OSError, match=gone):
        run(halves, engine, server.proxy().address(NAME), gone)


@engines
@pytest.mark.parametrize("dies", [True, False], ids=["dies", "falls silent"])
def test_a_server_that_fails_in_mid_read_is_named_with_its_events(
    halves: dict[str, Any], server: Server, engine: Engine, dies: bool
) -> None:
    """Whatever the client says of it; and the next server is read."""
    broken, near = server.proxy(limit=60_000, dies=dies), server.proxy()
    with pytest.raises(OSError, match=rf"{broken.address(NAME)}', {EVENTS}\)"):
        run(halves, engine, near.address(NAME), broken.address(NAME))
    assert events_of(run(halves, engine, near.address(NAME))) == EVENTS


@engines
def test_a_file_that_vanishes_is_named(halves: dict[str, Any], server: Server, engine: Engine) -> None:
    """Between two runs, of which each has a client of its own or asks the server again."""
    near, name = server.proxy(), f"vanishing-{engine}.root"
    shutil.copy(FILE, server.data / name)
    assert events_of(run(halves, engine, near.address(name))) == EVENTS
    (server.data / name).unlink()
    with pytest.raises(OSError, match=near.address(name)):
        run(halves, engine, near.address(name))


@engines
def test_a_file_that_is_shorter_than_it_says_is_named(halves: dict[str, Any], server: Server, engine: Engine) -> None:
    """Where it is cut within a basket that is read."""
    key = uproot.open(FILE)["Events/Jet_pt"].basket_key(0)
    (server.data / "short.root").write_bytes(Path(FILE).read_bytes()[: key.fSeekKey + 100])
    address = server.proxy().address("short.root")
    with pytest.raises(OSError, match=address):
        run(halves, engine, address)


@engines
def test_a_mirror_is_taken_where_a_server_fails(halves: dict[str, Any], server: Server, engine: Engine) -> None:
    """The first that answers, and an error that names all where none does."""
    gone, none, near = server.proxy(limit=0, dies=True), server.proxy(limit=0, dies=True), server.proxy()
    mirrors = tuple(way.address("").removesuffix("//data/") for way in (none, near))
    assert events_of(run(halves, engine, gone.address(NAME), mirrors=mirrors)) == EVENTS
    with pytest.raises(OSError, match=rf"(?s){gone.address(NAME)}.*; {none.address(NAME)}"):
        run(halves, engine, gone.address(NAME), mirrors=mirrors[:1])


@engines
def test_events_that_are_missing_are_an_error(halves: dict[str, Any], engine: Engine) -> None:
    """Where an engine skips some without an error, the count tells."""
    half, namespace = halves[engine]
    name = {"coffea": "read_by_coffea", "rdataframe": "read_by_rdataframe"}[engine]
    read = namespace[name]
    namespace[name] = lambda files: (read(files)[0], EVENTS - 1)
    try:
        with pytest.raises(OSError, match=rf"{EVENTS - 1} events were read, not all: .*{NAME}', {EVENTS}\)"):
            half([FILE])
    finally:
        namespace[name] = read


def test_servers_run_side_by_side_and_end_with_who_started_them(server: Server) -> None:
    """Also where it is killed: the second one's folder goes, the first one still answers."""
    text = (
        "import os; from cookbook.server import Server\n"
        f"server = Server([{FILE!r}]); print(server.folder, server.process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    shown = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False, timeout=60)
    folder, pid = shown.stdout.split()
    end = time.monotonic() + 20
    while (Path(folder).exists() or Path("/proc", pid).exists()) and time.monotonic() < end:
        time.sleep(0.1)
    assert not Path(folder).exists()
    assert not Path("/proc", pid).exists()
    near = server.proxy()
    assert server.ask(port=near.root) == {}


def test_without_a_server_the_page_reads_paths(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says so; where CMS Open Data answer, those."""
    monkeypatch.setattr(shutil, "which", lambda _: None)

    def refuse(*_: object, **__: object) -> None:
        raise ConnectionRefusedError("refused")

    monkeypatch.setattr(socket, "create_connection", refuse)
    assert serve(FILES) == (None, FILES)
    assert capsys.readouterr().out.startswith("no server: no xrootd on this machine")


def test_addresses_and_large_files_are_read_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is copied."""
    monkeypatch.setattr("cookbook.server.MOST", 10)
    assert serve(FILES) == (None, FILES)
    assert serve(["root://host//a.root"]) == (None, ["root://host//a.root"])
