"""Friends in any order, with keys of any size and type: each event gets its own score, or an error tells why."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

import ROOT

from cookbook import recipe
from cookbook.recipe import Engine
from runs import agreed, complaint, run
from small_files import event_columns, write

SUBJECT = recipe.load("friends-and-extra-columns")
KEYS = SUBJECT.parameters()["KEYS"]
BINS = SUBJECT.parameters()["SCORE_BINS"][0]
SIZE = 12

Columns = dict[str, Any]
engines = pytest.mark.parametrize("engine", recipe.ENGINES)


def events(
    folder: Path, name: str = "events", pairs: Sequence[bool] = (True,) * SIZE, keys: Columns | None = None
) -> str:
    """Write events, those of `pairs` with two muons of opposite charge, and return the path."""
    columns = {**event_columns(len(pairs)), "PuppiMET_pt": np.ones(len(pairs), "f4"), **(keys or {})}
    muons = {"pt": [50.0, 40.0], "eta": [0.1, -0.5], "phi": [0.0, 3.0], "mass": [0.1, 0.1], "charge": [1, -1]}
    kinds = {name: "i4" if name == "charge" else "f4" for name in muons}
    counts = np.where(np.asarray(pairs, bool), 2, 0)
    listed = {
        name: ak.unflatten(np.tile(np.array(v, kinds[name]), counts.sum() // 2), counts) for name, v in muons.items()
    }
    return write(folder / f"{name}.root", {**columns, "Muon": listed}, None)


def own_scores(size: int = SIZE) -> Any:
    """Return a score for each event that falls into a bin of its own."""
    return (np.arange(size) + 0.5) / BINS


def friends(
    folder: Path, rows: Sequence[int] | Any = range(SIZE), name: str = "friends", keys: Columns | None = None
) -> str:
    """Write rows of friends of the events, and return the path."""
    size, rows = max(SIZE, *rows, 0) + 1, np.asarray(rows, int)
    whole = {**event_columns(size), "score": np.arange(size) / BINS + 0.5 / BINS, **(keys or {})}
    chosen = {name: values[rows] for name, values in whole.items()}
    path = folder / f"{name}.root"
    with uproot.recreate(path) as file:
        file.mktree("Friends", {name: values.dtype for name, values in chosen.items()}).extend(chosen)
    return str(path)


def filled(files: Sequence[str], paths: Sequence[str]) -> list[float]:
    """Return the entries of each bin of the score in which both engines agree."""
    result = agreed(SUBJECT, files, {"FRIENDS": list(paths)})
    assert result["mass"].sum(flow=True).value == pytest.approx(
        result["score"].axes[0].centers @ result["score"].values()
    )
    return list(result["score"].values())


def each_its_own(size: int = SIZE) -> list[float]:
    """Return what `filled` gives where each of the first events got its own score."""
    return [1.0] * size + [0.0] * (BINS - size)


def said(engine: Engine, files: Sequence[str], paths: Sequence[str]) -> str:
    """Return what the error of an engine says."""
    return complaint(lambda: run(SUBJECT, engine, files, {"FRIENDS": list(paths)}))


@pytest.mark.parametrize("count", [1, 2, 5, SIZE])
def test_order_and_number_of_files_are_free(count: int, tmp_path: Path) -> None:
    """Friends in another order, split in whatever way, give each event its own score."""
    order = np.random.default_rng(7).permutation(SIZE)
    paths = [friends(tmp_path, part, f"friends{i}") for i, part in enumerate(np.array_split(order, count))]
    files = [events(tmp_path)]
    assert filled(files, paths) == each_its_own()
    assert filled(files, paths[::-1]) == each_its_own()


def test_events_in_several_files(tmp_path: Path) -> None:
    """A file of friends serves any file of events, one without events among them."""
    numbers = np.arange(SIZE, dtype="u8")
    parts = [numbers[8:], numbers[:0], numbers[:8]]
    files = [events(tmp_path, f"part{i}", (True,) * len(n), {"event": n}) for i, n in enumerate(parts)]
    assert filled(files, [friends(tmp_path)]) == each_its_own()


@engines
def test_a_missing_key_is_named(engine: Engine, tmp_path: Path) -> None:
    """The error tells the file of events, how many, and the first key by number."""
    files = [events(tmp_path)]
    path = friends(tmp_path, [11, 9, 8, 6, 5, 4, 2, 0])
    key = "{'run': 1, 'luminosityBlock': 1, 'event': 1}"
    assert f"{files[0]}: 4 events without a score, the first {key}" in said(engine, files, [path])


@engines
def test_missing_keys_of_several_files_are_counted_for_each(engine: Engine, tmp_path: Path) -> None:
    """None hides behind the first."""
    other = np.arange(SIZE, dtype="u8") + 100
    files = [events(tmp_path), events(tmp_path, "other", keys={"event": other})]
    words = said(engine, files, [friends(tmp_path, range(11))])
    assert f"{files[0]}: 1 events" in words
    assert f"{files[1]}: {SIZE} events" in words
    assert words.count("'event': 100}") == words.count("'event': 11}") == 1


def test_an_event_that_is_not_selected_needs_no_score(tmp_path: Path) -> None:
    """Friends of selected events alone are enough."""
    pairs = [i < 5 for i in range(SIZE)]
    assert filled([events(tmp_path, pairs=pairs)], [friends(tmp_path, range(5))]) == each_its_own(5)


@engines
@pytest.mark.parametrize("apart", [False, True])
def test_a_doubled_key_is_named(engine: Engine, apart: bool, tmp_path: Path) -> None:
    """Within one file, and in two: which files, how many rows, the first key."""
    rows = [*range(SIZE), 7, 3]
    paths = [friends(tmp_path, rows)]
    if apart:
        paths = [friends(tmp_path, rows[:SIZE]), friends(tmp_path, rows[SIZE:], "more")]
    words = said(engine, [events(tmp_path)], paths)
    first = "the first {'run': 1, 'luminosityBlock': 1, 'event': 3}"
    for path in paths:
        assert f"{path}: {2 if apart else 4} rows whose key another row has, {first}" in words


@engines
def test_a_file_of_friends_given_twice(engine: Engine, tmp_path: Path) -> None:
    """All its keys are doubled."""
    path = friends(tmp_path)
    assert f"{path}: {2 * SIZE} rows whose key another row has" in said(engine, [events(tmp_path)], [path, path])


def test_friends_of_a_bigger_sample(tmp_path: Path) -> None:
    """Keys that no event has are no fault."""
    path = friends(tmp_path, np.random.default_rng(7).permutation(1000))
    assert filled([events(tmp_path)], [path]) == each_its_own()


def test_an_empty_file_of_friends(tmp_path: Path) -> None:
    """It adds nothing."""
    paths = [friends(tmp_path, [], "empty"), friends(tmp_path)]
    assert filled([events(tmp_path)], paths) == each_its_own()
    assert filled([events(tmp_path)], paths[::-1]) == each_its_own()


@engines
def test_no_friend_at_all(engine: Engine, tmp_path: Path) -> None:
    """All events lack a score."""
    words = said(engine, [events(tmp_path)], [friends(tmp_path, [])])
    assert f"{SIZE} events without a score, the first " in words


@engines
def test_a_missing_file_of_friends_is_named(engine: Engine, tmp_path: Path) -> None:
    """Also where another has all keys."""
    paths = [friends(tmp_path), str(tmp_path / "nowhere.root")]
    assert "nowhere.root" in said(engine, [events(tmp_path)], paths)


@pytest.mark.parametrize("key", KEYS[:2])
def test_an_event_number_that_comes_again(key: str, tmp_path: Path) -> None:
    """In another section, and in another run, it is another event."""
    keys = {key: np.arange(SIZE, dtype="u4") // 3 + 1, "event": np.arange(SIZE, dtype="u8") % 3}
    written = {name: np.append(values, values[-1:] + 99) for name, values in keys.items()}
    path = friends(tmp_path, np.random.default_rng(7).permutation(SIZE), keys=written)
    assert filled([events(tmp_path, keys=keys)], [path]) == each_its_own()


@pytest.mark.parametrize("start", [2**32 - 5, 2**53, 2**63 - 5, 2**64 - SIZE - 1])
def test_large_event_numbers(start: int, tmp_path: Path) -> None:
    """Beyond 32 bits, beyond what a double tells apart, and beyond a signed number."""
    numbers = np.uint64(start) + np.arange(SIZE + 1, dtype="u8")
    path = friends(tmp_path, range(SIZE)[::-1], keys={"event": numbers})
    assert filled([events(tmp_path, keys={"event": numbers[:SIZE]})], [path]) == each_its_own()


def test_large_runs_and_sections(tmp_path: Path) -> None:
    """All 32 bits of both."""
    keys = {name: np.uint32(2**32 - SIZE - 1) + np.arange(SIZE + 1, dtype="u4") for name in KEYS[:2]}
    path = friends(tmp_path, range(SIZE)[::-1], keys=keys)
    given = {name: values[:SIZE] for name, values in keys.items()}
    assert filled([events(tmp_path, keys=given)], [path]) == each_its_own()


@pytest.mark.parametrize("kind", ["i4", "u4", "i8"])
def test_integers_of_another_type(kind: str, tmp_path: Path) -> None:
    """Friends may hold the keys signed, unsigned, in 32 or 64 bits."""
    keys = {name: values.astype(kind) for name, values in event_columns(SIZE + 1).items()}
    assert filled([events(tmp_path)], [friends(tmp_path, range(SIZE)[::-1], keys=keys)]) == each_its_own()


@engines
def test_a_float_as_key_is_refused(engine: Engine, tmp_path: Path) -> None:
    """It could stand for several events."""
    path = friends(tmp_path, keys={"event": np.arange(SIZE + 1, dtype="f8")})
    assert "key event is of type float64; write it as an integer" in said(engine, [events(tmp_path)], [path])


@pytest.mark.parametrize("threads", [2, 4])
def test_threads_share_the_table(threads: int, tmp_path: Path) -> None:
    """Many clusters, friends in another order."""
    files = SUBJECT.parameters()["FILES"]
    usual = run(SUBJECT, "rdataframe", files)
    ROOT.EnableImplicitMT(threads)
    try:
        threaded = run(SUBJECT, "rdataframe", files)
        path = friends(tmp_path, [3])
        words = said("rdataframe", [events(tmp_path), events(tmp_path, "again")], [path])
    finally:
        ROOT.DisableImplicitMT()
    assert np.array_equal(threaded["score"].values(), usual["score"].values())
    assert words.count(f": {SIZE - 1} events without a score, the first ") == 2


def test_a_second_run_forgets_the_first_friends(tmp_path: Path) -> None:
    """The table in C++ holds those of one run."""
    files = [events(tmp_path)]
    assert filled(files, [friends(tmp_path)]) == each_its_own()
    assert "11 events without a score" in said("rdataframe", files, [friends(tmp_path, [0], "one")])


def test_friends_are_made_of_other_files(tmp_path: Path) -> None:
    """A reader who has no friends sees the page with own files; a key that comes twice there is no fault of theirs."""
    files = [events(tmp_path), events(tmp_path, "again")]
    assert agreed(SUBJECT, files)["score"].sum(flow=True) == 2 * SIZE


@pytest.fixture
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return what makes a frame with an indexed friend, once the recipe's cells make ROOT's errors end a run."""
    folder, kept = tmp_path_factory.mktemp("usual"), []
    assert filled([events(folder)], [friends(folder)]) == each_its_own()

    def frame(files: Sequence[str], paths: Sequence[str]) -> Any:
        chain, friend_chain = ROOT.TChain("Events"), ROOT.TChain("Friends")
        for path in files:
            chain.Add(path)
        for path in paths:
            friend_chain.Add(path)
        friend_chain.BuildIndex("(run << 32) + luminosityBlock", "event", True, True)  # integers
        chain.AddFriend(friend_chain)
        kept.extend([chain, friend_chain])
        return ROOT.RDataFrame(chain)

    return frame


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize(("start", "right"), [(1, True), (2**33, True), (2**62, False)])
def test_an_indexed_friend(start: int, right: bool, threads: int, indexed: Callable[..., Any], tmp_path: Path) -> None:
    """What the page says of ROOT's own index: right, also with threads, but for what a double cannot tell apart."""
    sections = np.append(np.arange(SIZE) // 3, SIZE).astype("u4")
    keys = {"run": np.full(SIZE + 1, 380_000, "u4"), "luminosityBlock": sections}
    keys["event"] = np.uint64(start) + np.arange(SIZE + 1, dtype="u8") % 3
    paths = [friends(tmp_path, range(SIZE)[::-1][i::2], f"friends{i}", keys) for i in range(2)]
    if threads:
        ROOT.EnableImplicitMT(threads)
    try:
        df = indexed([events(tmp_path, keys={name: values[:SIZE] for name, values in keys.items()})], paths)
        found = sorted(df.Take["double"]("Friends.score").GetValue())
    finally:
        if threads:
            ROOT.DisableImplicitMT()
    assert np.allclose(found, own_scores()) == right


def test_an_indexed_friend_ends_at_a_key_that_it_lacks(indexed: Callable[..., Any], tmp_path: Path) -> None:
    """The error names the column and the entry, not the key."""
    df = indexed([events(tmp_path)], [friends(tmp_path, range(SIZE - 1))])
    with pytest.raises(Exception, match=r"could not retrieve value for column 'Friends\.score' for entry 11"):
        df.Sum("Friends.score").GetValue()


def test_joined_by_position_is_silent(tmp_path: Path) -> None:
    """What the page warns of: the friend of a specification has no index."""
    spec = ROOT.RDF.Experimental.RDatasetSpec().AddSample(("data", "Events", events(tmp_path)))
    spec.WithGlobalFriends("Friends", friends(tmp_path, range(SIZE)[::-1]))
    found = ROOT.RDataFrame(spec).Take["double"]("Friends.score").GetValue()
    assert list(found) == pytest.approx(own_scores()[::-1])


@pytest.mark.parametrize("apart", [False, True])
def test_an_indexed_friend_with_a_doubled_key(apart: bool, indexed: Callable[..., Any], tmp_path: Path) -> None:
    """ROOT prints it and goes on, unless the recipe's cell makes it an error."""
    files = [events(tmp_path)]
    rows = [*range(SIZE), 7]
    paths = [friends(tmp_path, part, f"part{i}") for i, part in enumerate([rows[:10], rows[10:]] if apart else [rows])]
    with pytest.raises(Exception, match="a duplicate key was found"):
        indexed(files, paths)
