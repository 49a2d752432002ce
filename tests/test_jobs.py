"""A job gives a recipe the reader's files, and values that fit them: nothing of the sample slips in."""

import json
import os
import re
from pathlib import Path
from typing import Any

import click.testing
import numpy as np
import pytest
import uproot
import yaml
from papermill.translators import PythonTranslator

from cookbook import cli, dialects, eras, inputs, job_files, job_template, jobs, parameters, recipe, sample
from small_files import event_columns, write

SLUGS = recipe.slugs()
NORMALISED = "normalised-data-simulation"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two files of simulation, one of data, and a certified list."""
    simulation = {**event_columns(3), "genWeight": np.ones(3, "f4")}
    for name in ("tt_1.root", "tt_2.root"):
        write(tmp_path / name, simulation, [3.0])
    write(tmp_path / "data.root", event_columns(3), None)
    (tmp_path / "golden.json").write_text('{"1": [[1, 9]]}')
    return tmp_path


def job(folder: Path, slug: str, text: str, **others: Any) -> jobs.Job:
    """Read a job file of this text."""
    path = folder / "mine.yaml"
    path.write_text(text)
    return jobs.read(recipe.load(slug), path, **others)


WHOLE = """
datasets:
  top pairs: {files: tt_*.root, cross_section: 833.9}
  SingleMuon: {files: [data.root]}
luminosity: 5.98e4
certified: golden.json
"""


def test_files_alone_are_enough_for_a_simple_recipe(folder: Path) -> None:
    """A list of files and the file of the answer are all that changes."""
    files = [str(folder / "tt_1.root"), "root://host//b.root"]
    read = jobs.read(recipe.load("dimuon-spectrum"), files=files)
    assert read.parameters == {"FILES": files, "FILE": files[0]}
    assert read.notes == ()


def test_datasets_have_any_name_and_their_kind_is_read(folder: Path) -> None:
    """What names datasets holds the reader's: which are data, and what simulation is normalised to."""
    read = job(folder, NORMALISED, WHOLE)
    tops = [str(folder / "tt_1.root"), str(folder / "tt_2.root")]
    assert read.files == {"top pairs": tops, "SingleMuon": [str(folder / "data.root")]}
    wanted = {"DATA": ["SingleMuon"], "CROSS_SECTION": {"top pairs": 833.9}, "LUMINOSITY": 5.98e4, "FILE": tops[0]}
    assert wanted.items() <= read.parameters.items()
    assert read.parameters["CERTIFIED"] == str(folder / "golden.json")


def test_the_file_of_the_answer_is_of_the_samples_kind(folder: Path) -> None:
    """An answer about data gets data, wherever they stand in the job."""
    read = job(folder, "certified-data", WHOLE)
    assert read.parameters["FILE"] == str(folder / "data.root")


def test_the_kind_can_be_given(folder: Path) -> None:
    """A file is not opened where the job says what it is."""
    text = "datasets: {a: {files: 'root://host//a.root', data: true}}\ncertified: golden.json"
    assert job(folder, "certified-data", text).parameters["DATA"] == ["a"]


def test_one_error_lists_all_that_is_missing(folder: Path) -> None:
    """Certified list, luminosity and cross sections of the sample are never used for other files."""
    files = [f"tt={folder / 'tt_1.root'}", f"mu={folder / 'data.root'}"]
    with pytest.raises(jobs.JobError, match=r"need certified \(.*luminosity \(.*pb\^-1.*cross_section of tt.*JOB=new"):
        jobs.read(recipe.load(NORMALISED), files=files)


@pytest.mark.parametrize(("member", "asked"), [("tt_1.root", "luminosity"), ("data.root", "certified")])
def test_only_what_the_files_need_is_asked(folder: Path, member: str, asked: str) -> None:
    """A certified list is for data, a luminosity and a cross section for simulation."""
    with pytest.raises(jobs.JobError) as raised:
        jobs.read(recipe.load(NORMALISED), files=[f"a={folder / member}"])
    found = re.findall("certified \\(|luminosity \\(|cross_section of", str(raised.value))
    assert found == (["certified ("] if asked == "certified" else ["luminosity (", "cross_section of"])


@pytest.mark.parametrize(
    ("slug", "member", "asked"),
    [
        ("luminosity-bookkeeping", "a=data.root", "LUMINOSITY_TABLE"),
        ("tag-and-probe-fit", "data.root", "SIMULATION"),
        ("primary-dataset-overlap", "a=data.root", "TRIGGERS of a"),
    ],
)
def test_other_values_of_the_sample_are_asked_too(folder: Path, slug: str, member: str, asked: str) -> None:
    """So are its other files, and what it has for each of its datasets."""
    name, _, path = member.rpartition("=")
    with pytest.raises(jobs.JobError, match=f"need .*{asked}"):
        jobs.read(recipe.load(slug), files=[f"{name}{'=' if name else ''}{folder / path}"])


@pytest.mark.parametrize("slug", SLUGS)
def test_the_samples_values_apply_to_its_own_files(slug: str) -> None:
    """A run on the sample's files needs nothing else, and is that of the page."""
    subject = recipe.load(slug)
    own = subject.parameters()
    files = own["FILES"]
    given = files if isinstance(files, list) else [f"{name}={path}" for name in files for path in files[name]]
    read = jobs.read(subject, files=given)
    assert read.notes == ()
    assert {name: plain(own[name]) for name in read.parameters} == plain(read.parameters)


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    return json.loads(json.dumps(value))


def test_a_part_of_the_sample_under_another_name_keeps_its_cross_section() -> None:
    """The file says which dataset it is."""
    read = jobs.read(recipe.load(NORMALISED), files=[f"mine={sample.files('TTbar')[0]}"])
    assert read.parameters["CROSS_SECTION"] == {"mine": 924.0}


def test_correction_files_of_the_sample_are_named(folder: Path) -> None:
    """A run on other files says which it uses, and how to give others; a given one is not named."""
    files = [f"tt={folder / 'tt_1.root'}"]
    (note,) = jobs.read(recipe.load("jet-identification"), files=files).notes
    assert note == "uses the sample's correction files jetid.json.gz (JET_ID); give yours as JET_ID: …"
    assert jobs.read(recipe.load("jet-identification"), files=files, settings=["JET_ID=mine.json"]).notes == ()


@pytest.mark.parametrize(
    ("slug", "text", "message"),
    [
        ("trijet-mass", "files: a.root\nMINPT: 30", r"mine\.yaml: no key 'MINPT' in .*did you mean MIN_PT\?"),
        ("trijet-mass", "files: a.root\nsoft_drop: 1", r"no key 'soft_drop' in .*there are"),
        ("trijet-mass", "files: a.root\nMIN_PT: 30 GeV", r"MIN_PT: '30 GeV' is not of type 'number' \(GeV\)"),
        ("trijet-mass", "files: a.root\nPT_BINS: [40, 0]", r"PT_BINS: \[40, 0\] is too short"),
        ("trijet-mass", "datasets: {a: {files: a.root}}", r"trijet-mass takes files: \[a\.root"),
        (NORMALISED, "files: a.root", "takes datasets: {NAME: {files:"),
        (NORMALISED, "datasets: {a: {file: a.root}}", r"no key 'file' in datasets\.a; did you mean files\?"),
        (NORMALISED, "datasets: {a: {files: a.root, cross_section: -1}}", r"datasets\.a\.cross_section: -1 .*\(pb\)"),
        (NORMALISED, "certified: null", "certified: None is not of type 'string'"),
        (NORMALISED, "luminosity: 1\nLUMINOSITY: 2", "in small letters and in capitals"),
        (
            "all-corrections",
            "PATHS: {JME/jet_jrec: a.json}",
            r"no key 'JME/jet_jrec' in PATHS; did you mean JME/jet_jerc",
        ),
        ("trijet-mass", "MIN_PT: 30\nMIN_PT: 40", "not YAML .*MIN_PT stands twice"),
        ("trijet-mass", "MIN_PT: [30", "not YAML"),
        ("trijet-mass", "- a.root", "holds no keys"),
        ("trijet-mass", "MIN_PT: 30", "no files; give FILES="),
        ("trijet-mass", "files: none_*.root", r"none_\*\.root: no file matches"),
        ("trijet-mass", "files: '@none.txt'", r"none\.txt: no such list of files"),
        ("trijet-mass", "files: a.root\nera: 2019", "no era '2019'; did you mean 2018"),
    ],
)
def test_what_does_not_fit_is_one_line(folder: Path, slug: str, text: str, message: str) -> None:
    """The error names the key, and the names like it or the unit."""
    with pytest.raises(jobs.JobError, match=message) as raised:
        job(folder, slug, text)
    assert "\n" not in str(raised.value)


def test_a_job_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The error says how to make one."""
    with pytest.raises(jobs.JobError, match=r"none\.yaml: cannot be read .*JOB=new"):
        jobs.read(recipe.load("trijet-mass"), tmp_path / "none.yaml")


def test_a_dataset_that_is_not_among_the_files_is_named(folder: Path) -> None:
    """A parameter that names datasets can only name those of the job."""
    text = f"{WHOLE}DATASET: SingleMoun\nTRIGGERS: {{SingleMuon: [HLT_A], top pairs: [HLT_B]}}"
    with pytest.raises(jobs.JobError, match="DATASET: no dataset 'SingleMoun' among yours; did you mean SingleMuon"):
        job(folder, "primary-dataset-overlap", text)


def test_files_of_a_list_with_datasets_need_their_names() -> None:
    """The error shows how to write it; a path with an equals sign is no name."""
    for item in ("a.root", "dir/x=1/a.root", "=a.root"):
        with pytest.raises(jobs.JobError, match=r'takes files by dataset; write FILES="NAME='):
            jobs.read(recipe.load(NORMALISED), files=[item])


def test_files_come_from_one_place(folder: Path) -> None:
    """Files on the command line beside those of the job file are an error, not a guess."""
    with pytest.raises(jobs.JobError, match="has files of its own"):
        job(folder, "trijet-mass", "files: tt_1.root", files=["b.root"])


def test_files_are_patterns_lists_and_addresses(folder: Path) -> None:
    """Relative paths start at the file that holds them; a site-independent name gets the federation's address."""
    lists = folder / "lists"
    lists.mkdir()
    (lists / "more.txt").write_text("# a comment\n../data.root\n\n/store/mc/a.root\n")
    (folder / "odd[1].root").write_bytes(b"")
    text = "files: ['tt_*.root', '@lists/more.txt', lists/more.txt, 'https://host/a?b=1&c=2', 'odd[1].root']"
    more = [str(lists / "../data.root"), "root://cms-xrd-global.cern.ch//store/mc/a.root"]
    start = [str(folder / "tt_1.root"), str(folder / "tt_2.root")]
    wanted = [*start, *more, *more, "https://host/a?b=1&c=2", str(folder / "odd[1].root")]
    assert job(folder, "trijet-mass", text).files == wanted


def test_a_list_of_lists_is_an_error(folder: Path) -> None:
    """A list that names itself would never end."""
    (folder / "a.txt").write_text("a.txt\n")
    with pytest.raises(jobs.JobError, match=r"a\.txt: lists a\.txt, which is a list itself"):
        job(folder, "trijet-mass", "files: a.txt")


def test_a_setting_counts_more_than_the_job_file(folder: Path) -> None:
    """Values are YAML, and take the shape of the recipe's own."""
    settings = ["MIN_PT=1e2", "PT_BINS=[20, 0, 4e2]"]
    read = job(folder, "trijet-mass", "files: tt_1.root\nMIN_PT: 40\nMAX_ETA: 2", settings=settings)
    assert {"MIN_PT": 100.0, "MAX_ETA": 2, "PT_BINS": [20, 0, 400.0]}.items() <= read.parameters.items()


def test_papermill_hands_every_value_over(folder: Path) -> None:
    """What the injected cell defines is what the job holds; of a tuple papermill would make text."""
    text = "files: tt_1.root\nAXES: {factor: [[0, 1], Factor]}\nHORN: [2.4, 3]\nRELATIVE_UNCERTAINTY: false"
    read = job(folder, "jet-smearing", text)
    seen: dict[str, Any] = {}
    exec(PythonTranslator.codify(read.parameters), seen)
    assert {name: seen[name] for name in read.parameters} == read.parameters
    assert seen["HORN"] == [2.4, 3]


@pytest.mark.parametrize("text", ["MIN_PT", "=3"])
def test_a_setting_without_name_or_value_is_an_error(text: str) -> None:
    """The error shows the shape."""
    with pytest.raises(jobs.JobError, match="is no NAME=value"):
        jobs.read(recipe.load("trijet-mass"), files=["a.root"], settings=[text])


def test_what_the_cells_derive_follows(folder: Path) -> None:
    """An axis that is made from a number of jets fits the number that was given."""
    read = job(folder, "btag-shape-weights", "files: tt_1.root\nMAX_JETS: 4")
    assert read.parameters["JETS"] == [i - 0.5 for i in range(6)]


def test_entries_of_a_dictionary_are_changed_one_by_one(folder: Path) -> None:
    """The others stay, and null takes one out."""
    read = job(folder, "jet-energy-uncertainties", "files: tt_1.root\nLABEL: {place: Place, dijet_mass: null}")
    own = recipe.load("jet-energy-uncertainties").parameters()["LABEL"]
    assert read.parameters["LABEL"] == {"leading_pt": own["leading_pt"], "place": "Place"}


def test_a_value_reaches_a_set_up_cell_after_the_parameters() -> None:
    """A set-up cell that comes later does not put the recipe's own value back."""
    subject = recipe.load("tag-and-probe-fit")
    read = jobs.read(subject, files=sample.files("Muon_Dilepton"), settings=["MIN_PAIRS=7"])
    assert parameters.applied(subject, read.parameters).parameters()["MIN_PAIRS"] == 7
    assert subject.parameters()["MIN_PAIRS"] != 7


@pytest.mark.parametrize("slug", SLUGS)
def test_the_template_is_a_job_on_the_sample(slug: str, tmp_path: Path) -> None:
    """It reads as it is, and with every comment that holds a value taken away."""
    subject = recipe.load(slug)
    text = job_template.text(subject)
    own = subject.parameters()
    values = re.sub(r"^# (?=[A-Z][A-Z0-9_]*: )(?!CMS: )", "", text, flags=re.MULTILINE)
    for number, content in enumerate((text, values)):
        path = tmp_path / f"{number}.yaml"
        path.write_text(content)
        read = jobs.read(subject, path)
        assert {name: plain(own[name]) for name in read.parameters} == plain(read.parameters)
    names = set(parameters.offered(subject)) - {"LUMINOSITY", "CERTIFIED", "CROSS_SECTION"}
    assert names <= set(yaml.safe_load(values))


def test_the_template_says_the_units(tmp_path: Path) -> None:
    """Comments of the cells stand beside the values."""
    text = job_template.text(recipe.load("dimuon-spectrum"))
    assert "# MIN_PT: 20.0  # GeV\n" in text
    assert "# MAX_ISOLATION: 0.25  # relative, cone 0.4, PF\n" in text


def test_the_schema_has_the_comments() -> None:
    """An editor that knows the schema shows the units."""
    properties = job_files.schema(recipe.load("dimuon-spectrum"))["properties"]
    assert properties["WINDOW"]["description"] == "GeV, around the Z"
    assert not {"FILE", "FILES", "TIMING_EVENTS"} & set(properties)


@pytest.mark.parametrize(
    ("slug", "names"),
    [
        ("jet-energy-uncertainties", {"RHO": "fixedGridRhoFastjetAll"}),
        ("electron-scale-factors", {"ELECTRON_ID": "mvaFall17V2Iso_WP90"}),
    ],
)
@pytest.mark.parametrize("version", ["v9", "v12"])
def test_names_of_branches_are_those_of_the_version(
    tmp_path: Path, slug: str, names: dict[str, str], version: str
) -> None:
    """A parameter that names a branch has the name that the file has, and the terminal says so."""
    subject = recipe.load(slug)
    own = subject.parameters()
    path = dialects.write(inputs.paths(own["FILES"])[0], tmp_path / "a.root", version, events=2)
    as_input = f"files: [{path}]" if subject.metadata["input"] == "files" else WHOLE.replace("tt_*.root", path)
    as_input = as_input.replace("  SingleMuon: {files: [data.root]}\n", "").replace("certified: golden.json\n", "")
    read = job(tmp_path, slug, as_input)
    wanted = names if version == "v9" else {name: own[name] for name in names}
    assert {name: {**own, **read.parameters}[name] for name in names} == wanted
    assert any("in this version of NanoAOD" in note for note in read.notes) == (version == "v9")
    assert subject.check_files(read.files, {**own, **read.parameters}) == 2


def test_a_name_that_is_given_stays(tmp_path: Path) -> None:
    """What the reader writes counts more than the version."""
    path = dialects.write(sample.files("TTbar")[0], tmp_path / "a.root", "v9", events=2)
    assert job(tmp_path, "jet-energy-uncertainties", f"files: [{path}]\nRHO: other").parameters["RHO"] == "other"


def test_sums_of_weights_are_given_by_hand(folder: Path) -> None:
    """A skim without Runs runs with the sum that its dataset is given; without one the error says how to give it."""
    write(folder / "tt_1.root", {**event_columns(3), "genWeight": np.ones(3, "f4")}, None)
    subject = recipe.load(NORMALISED)
    text = WHOLE.replace("tt_*.root", "tt_1.root")
    with pytest.raises(inputs.InputError, match=r"tt_1\.root: .*genEventSumw.*sum_of_weights of its dataset"):
        inputs.check(job(folder, NORMALISED, text).files, {"Runs": ["genEventSumw"]}, ["genEventSumw"], ["SingleMuon"])
    read = job(folder, NORMALISED, text.replace("833.9", "833.9, sum_of_weights: 7.5e6"))
    assert read.parameters["SUM_OF_WEIGHTS"] == {"top pairs": 7.5e6}
    with pytest.raises(inputs.InputError, match="nMuon") as error:  # and nothing of Runs
        subject.check_files(read.files, {**subject.parameters(), **read.parameters})
    assert "Runs" not in str(error.value)


def test_sums_of_old_versions_are_read(folder: Path) -> None:
    """Until v7 the sums had another name: the job hands them over."""
    with uproot.recreate(folder / "tt_1.root") as file:
        file["Events"] = {**event_columns(3), "genWeight": np.ones(3, "f4")}
        file["Runs"] = {"run": np.ones(2, "u4"), "genEventSumw_": np.array([2.0, 3.5])}
    text = WHOLE.replace("tt_*.root", "tt_1.root")
    assert job(folder, NORMALISED, text).parameters["SUM_OF_WEIGHTS"] == {"top pairs": 5.5}


def test_an_era_replaces_names_and_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and correction files are those of the era, in the layout of the CMS groups."""
    table = {**eras.table(), "root": str(folder)}
    monkeypatch.setattr(eras, "table", lambda: table)
    file = folder / "JME/Run2-2018-UL-NanoAODv9/latest/jet_jerc.json.gz"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    read = job(folder, "jet-energy-uncertainties", "files: tt_1.root\nera: 2018")
    wanted = {"JERC": str(file), "TAG": "Summer19UL18_V5", "ALGORITHM": "AK4PFchs"}
    assert wanted.items() <= read.parameters.items()
    assert read.notes == ("ERA=2018: names and correction files for NanoAOD v9, Run2-2018-UL-NanoAODv9",)


def test_a_file_of_an_era_that_is_not_there_is_named(folder: Path) -> None:
    """The error names the file, where members of the collaboration find it, and how to give a copy."""
    shape = r"members of CMS .*give a copy as JERC \(/cvmfs/.*/JME/Run3-22C.*/latest/jet_jerc\.json\.gz\)"
    with pytest.raises(jobs.JobError, match=shape):
        job(folder, "jet-energy-uncertainties", "files: tt_1.root", era="2022")
    given = job(folder, "jet-energy-uncertainties", "files: tt_1.root\nJERC: mine.json", era="2022")
    assert given.parameters["JERC"] == str(folder / "mine.json")


def test_what_is_given_counts_more_than_the_era(folder: Path) -> None:
    """A trigger of the job stays, though the era has another in place of the sample's."""
    text = f"{WHOLE}era: 2017\n"
    assert job(folder, NORMALISED, text).parameters["TRIGGER"] == "HLT_IsoMu27"
    assert "TRIGGER" not in job(folder, NORMALISED, f"{text}TRIGGER: HLT_IsoMu24").parameters


def test_the_era_names_its_certified_list(folder: Path) -> None:
    """Where the list is missing, the error says which one the era has."""
    with pytest.raises(jobs.JobError, match=r"for 2024 Cert_Collisions2024_378981_386951_Golden\.json"):
        jobs.read(recipe.load("certified-data"), files=[f"a={folder / 'data.root'}"], era="2024")


def test_the_eras_replace_what_the_recipes_have() -> None:
    """No entry of the table has lost its text of the sample."""
    own = " ".join(
        text
        for slug in SLUGS
        for name, value in recipe.load(slug).parameters().items()
        if name.isupper()
        for text in recipe.texts(value)
    )
    names = {name for era in eras.table()["eras"].values() for name in era["names"]}
    assert {name for name in names if name not in own} == set()


def test_paths_count_as_not_fired_where_the_recipe_reads_them(folder: Path) -> None:
    """So that one job file serves several recipes; SET gives them too, and nothing but a path may stand there."""
    text = f"{WHOLE}not_fired: [HLT_IsoTkMu24, HLT_IsoMu24]\n"
    assert job(folder, NORMALISED, text).not_fired == ("HLT_IsoMu24",)
    assert job(folder, NORMALISED, WHOLE, settings=["not_fired=[HLT_IsoMu24]"]).not_fired == ("HLT_IsoMu24",)
    assert job(folder, NORMALISED, WHOLE).not_fired == ()
    with pytest.raises(jobs.JobError, match=r"not_fired\.0: 'Muon_pt' does not match .* \(a trigger path\)"):
        job(folder, NORMALISED, f"{WHOLE}not_fired: [Muon_pt]\n")


def test_an_unreadable_file_is_reported_as_one(tmp_path: Path) -> None:
    """Looking whether files are data finds what is wrong with them."""
    with pytest.raises(inputs.InputError, match=r"none\.root: no such file"):
        jobs.read(recipe.load("pileup-weights"), files=[f"a={tmp_path / 'none.root'}"])


def called(*arguments: str, **variables: str) -> click.testing.Result:
    """Return what the command printed, with variables of the environment."""
    clean = {name: None for name in os.environ if name.startswith("RECIPE_")}
    return click.testing.CliRunner(env={**clean, **variables}).invoke(cli.main, ["recipe", *arguments])


def test_a_new_job_file_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command says where it is, and overwrites none."""
    monkeypatch.chdir(tmp_path)
    result = called(RECIPE_NAME="trijet-mass", RECIPE_JOB="new")
    assert (result.exit_code, str(tmp_path / "trijet-mass.yaml") in result.output) == (0, True)
    again = called(RECIPE_NAME="trijet-mass", RECIPE_JOB="new")
    assert (again.exit_code, "is there already" in again.output) == (1, True)


def test_variables_of_the_environment_are_parted_as_in_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blanks and brackets may be quoted; nothing is expanded."""
    seen: list[Any] = []

    def note(*arguments: Any) -> None:
        seen.extend(arguments)
        raise jobs.JobError("seen")

    monkeypatch.setattr(jobs, "read", note)
    files = "'a b.root' https://host/x?a=1&b=$(touch_no) c.root"
    result = called(RECIPE_NAME="trijet-mass", RECIPE_FILES=files, RECIPE_SET="PT_BINS='[1, 2, 3]' MIN_PT=3")
    assert result.output == "Error: seen\n"
    assert seen[2:4] == [
        ("a b.root", "https://host/x?a=1&b=$(touch_no)", "c.root"),
        ("PT_BINS=[1, 2, 3]", "MIN_PT=3"),
    ]


def test_an_open_quote_is_one_line() -> None:
    """The error says what to do about a name that has a quote."""
    result = called(RECIPE_NAME="trijet-mass", RECIPE_FILES="it's.root")
    assert (result.exit_code, "No closing quotation; quote a name" in result.output) == (1, True)
