"""A ledger of faults says what was judged, in its state of the recipe, and shows what was edited by hand."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from cookbook import ledgers, recipe
from cookbook.ledgers import Harmless, Ledger, LedgerError
from faults import drawn, faults_key, ledger_of, problems, reasons_in, written
from mutations import Mutation, mutations

KEY = "a" * 64
FAULTS = [Mutation("coffea", 3, "turn a sign", f'"x" + {number}', "") for number in range(20)]
VERDICTS = "fffffefffffffhffffef"
REASON = {FAULTS[13].line: 'the "x" is nothing'}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a ledger that is as it should be."""
    return kept(tmp_path, ledger_of(KEY, FAULTS, VERDICTS, REASON))


def kept(folder: Path, ledger: Ledger) -> Path:
    """Write a ledger of a recipe below a folder."""
    path = folder / "tests" / "recipes" / "soft-jets" / "faults.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(written(ledger, "soft-jets"))
    return path


def judge(faults: Sequence[Mutation]) -> str:
    """Say of each fault what the ledger says."""
    return "".join(VERDICTS[FAULTS.index(fault)] for fault in faults)


def edit(path: Path, old: str, new: str) -> None:
    """Change one place of a ledger."""
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_a_ledger_is_read_as_it_was_written(path: Path) -> None:
    """Key, verdicts and harmless faults with their reasons come back."""
    ledger = ledgers.read(path)
    assert ledger == Ledger(KEY, VERDICTS, [Harmless("coffea", "turn a sign", '"x" + 13', 'the "x" is nothing')])
    assert [ledger.count(end) for end in ledgers.LETTERS] == [17, 2, 1]
    assert ledger.score == pytest.approx(0.95)


def test_totals_are_by_recipe(path: Path, tmp_path: Path) -> None:
    """The status page gets every ledger there is."""
    assert ledgers.totals(tmp_path) == {"soft-jets": ledgers.read(path)}
    assert ledgers.totals(tmp_path / "nothing") == {}


def test_a_ledger_that_says_what_the_gate_says_passes(path: Path) -> None:
    """Only the faults that were drawn are judged."""
    asked: list[Mutation] = []

    def remembered(faults: Sequence[Mutation]) -> str:
        asked.extend(faults)
        return judge(faults)

    assert problems(path, KEY, FAULTS, remembered, [2, 13]) == []
    assert asked == [FAULTS[2], FAULTS[13]]


@pytest.mark.parametrize(("key", "faults"), [("b" * 64, FAULTS), (KEY, FAULTS[:-1])], ids=["key", "number"])
def test_a_stale_ledger_is_named_and_all_faults_are_judged(path: Path, key: str, faults: list[Mutation]) -> None:
    """Another state of the recipe or the gate, or another number of faults, says what to run, and what passes now."""

    def all_pass(faults: Sequence[Mutation]) -> str:
        return "h" * len(faults)

    found = problems(path, key, faults, all_pass, [2])
    assert found[0].endswith("of another state of the recipe or of the gate; run: make faults NAME=soft-jets")
    assert len(found) == 1 + len(faults) - 1  # one has a reason
    assert found[1] == 'passed the gate: coffea: turn a sign: "x" + 0'


def test_a_missing_ledger_is_named(tmp_path: Path) -> None:
    """A new recipe is told how to get one."""
    path = tmp_path / "soft-jets" / "faults.toml"
    (found,) = problems(path, KEY, FAULTS[:2], judge, [0])
    assert found.endswith("faults.toml: no ledger of faults; run: make faults NAME=soft-jets")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f'key = "{KEY}"', f'key = "{"b" * 64}"'),
        ('"fffffefffffffhffffef"', '"ffffffffffffffffffff"'),
        ("found = 17", "found = 18"),
        ('line = "\\"x\\" + 13"', 'line = "\\"x\\" + 14"'),
        ("harmless = 1\n", "harmless = 1\nmissed = 0\n"),
    ],
    ids=["key", "verdicts", "count", "line", "unknown"],
)
def test_a_ledger_edited_by_hand_is_named(path: Path, old: str, new: str) -> None:
    """Whatever is changed but a reason, the ledger is no longer what was written."""
    edit(path, old, new)
    with pytest.raises(
        LedgerError, match=r"edited by hand, where only reasons may be; run: make faults NAME=soft-jets"
    ):
        ledgers.read(path)
    assert "edited by hand" in problems(path, KEY, FAULTS, judge, [2])[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [("key = ", "TOMLDecodeError"), ('key = "a"', "KeyError"), ('[[fault]]\nlines = "a"', "TypeError")],
)
def test_what_is_no_ledger_is_named(path: Path, text: str, message: str) -> None:
    """A file of something else is an error with its path."""
    path.write_text(text)
    with pytest.raises(LedgerError, match=rf"faults\.toml: not a ledger of faults \({message}"):
        ledgers.read(path)


def test_a_harmless_fault_needs_a_reason(path: Path) -> None:
    """An empty reason is none; a written one stays where the faults are judged anew."""
    edit(path, r"the \"x\" is nothing", " ")
    (found,) = problems(path, KEY, FAULTS, judge, [2])
    assert found == 'no reason why it passes the gate: coffea: turn a sign: "x" + 13'
    edit(path, 'reason = " "', 'reason = "it is"')
    assert problems(path, KEY, FAULTS, judge, [2]) == []
    assert ledger_of(KEY, FAULTS, VERDICTS, reasons_in(path)) == ledgers.read(path)


@pytest.mark.parametrize(("number", "now"), [(2, "h"), (13, "f")])
def test_a_fault_that_is_judged_otherwise_is_named(path: Path, number: int, now: str) -> None:
    """One that passes now, and one that is noticed although the ledger says that it changes nothing."""
    (found,) = problems(path, KEY, FAULTS, lambda faults: now * len(faults), [number])
    assert found == f"{FAULTS[number]}: {now}, the ledger says {VERDICTS[number]}"


def test_another_way_of_being_noticed_is_the_same(path: Path) -> None:
    """What is read beyond an array may be a wrong value once, and a crash once."""
    assert problems(path, KEY, FAULTS, lambda faults: "e" * len(faults), [2, 3]) == []


def test_five_are_drawn_others_each_week() -> None:
    """The same all week and for the same key, no more than there are."""
    monday, sunday, next_monday = date(2026, 11, 23), date(2026, 11, 29), date(2026, 11, 30)
    assert drawn(KEY, 100, monday) == drawn(KEY, 100, sunday)
    assert len(set(drawn(KEY, 100, monday))) == 5
    assert drawn(KEY, 100, monday) != drawn(KEY, 100, next_monday)
    assert drawn(KEY, 100, monday) != drawn("b" * 64, 100, monday)
    assert drawn(KEY, 3, monday) == [0, 1, 2]
    weeks = [date.fromordinal(monday.toordinal() + 7 * week) for week in range(100)]
    assert {number for week in weeks for number in drawn(KEY, 40, week)} == set(range(40))


def test_the_key_is_of_the_halves_the_gate_and_the_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell of an engine, a parameter or an operator changes it; what is shown and checked does not."""
    keys = {faults_key(recipe.load("trijet-mass"))}
    for tag, other in (("coffea", True), ("parameters", True), ("agreement", False), ("keep_output", False)):
        subject = recipe.load("trijet-mass")
        index = next(c.index for c in subject.cells if tag in c.tags and recipe.ANSWER not in c.tags)
        subject.notebook.cells[index].source += "\n# more"
        assert (faults_key(subject) not in keys) == other
        keys.add(faults_key(subject))
    monkeypatch.setattr("faults.inspect.getsource", lambda module: f"changed = '{module.__name__}'")
    assert faults_key(recipe.load("trijet-mass")) not in keys


def test_mutations_of_a_recipe_differ() -> None:
    """No two are the same, so that each has its verdict."""
    faults = list(mutations(recipe.load("trijet-mass")))
    assert len(set(map(repr, faults))) == len(faults) > 0
