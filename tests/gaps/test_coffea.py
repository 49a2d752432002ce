"""What coffea lacks, each gap with its smallest reproducer."""

import json
from pathlib import Path

import awkward as ak
import numpy as np
from coffea import processor
from coffea.analysis_tools import Weights
from coffea.jetmet_tools import CorrectedJetsFactory, CorrectionLibJECStack
from coffea.jetmet_tools.correctionlib_adapters import CorrectionLibJER, CorrectionLibJERSF
from coffea.lumi_tools import LumiData, LumiMask
from coffea.nanoevents import BaseSchema, NanoAODSchema, NanoEventsFactory
from correctionlib.schemav2 import Correction, Variable

from cookbook.gaps import Gap
from reproduced import refused, shows, tree
from small_files import event_columns, jagged


@shows(
    Gap(
        tool="coffea",
        version="2026.9.0",
        kind="silent",
        shows="jets differ",
        effect="The smearing of a jet depends on its neighbours in the chunk: another chunk size gives other events.",
        instead="Call `JERSmear`, whose random number is a hash of the jet.",
        recipe="jet-smearing",
        thread="https://github.com/scikit-hep/coffea/pull/1535",
    )
)
def test_random_numbers_of_the_jet_factory() -> None:
    """The random numbers of `CorrectedJetsFactory` change with the chunks."""
    pt, way = Variable(name="JetPt", type="real"), Variable(name="systematic", type="string")
    resolution = Correction(name="resolution", version=1, inputs=[pt], output=pt, data=0.1).to_evaluator()
    scale = Correction(name="scale", version=1, inputs=[pt, way], output=pt, data=1.2).to_evaluator()
    stack = CorrectionLibJECStack(jer=CorrectionLibJER(resolution), jersf=CorrectionLibJERSF(scale))
    names = {"JetPt": "pt", "JetMass": "mass", "JetEta": "eta", "ptGenJet": "gen", "ptRaw": "pt", "massRaw": "mass"}
    factory = CorrectedJetsFactory(names, stack)
    jets = ak.Array([[{"pt": pt, "mass": 5.0, "eta": 0.1, "gen": 0.0}] for pt in (50.0, 40.0)])
    whole, parts = factory.build(jets).pt, ak.concatenate([factory.build(jets[:1]).pt, factory.build(jets[1:]).pt])
    assert ak.all(whole == parts), f"jets differ: {whole.tolist()}, in two chunks {parts.tolist()}"


@shows(
    Gap(
        tool="coffea",
        version="2026.9.0",
        kind="silent",
        shows="scale 1.0",
        effect="A changed cross section or luminosity is not used until the process ends.",
        instead="Give each runner an empty cache: `metadata_cache={}`.",
        recipe="normalised-data-simulation",
        thread="https://github.com/scikit-hep/coffea/issues/662",
    )
)
def test_cache_of_the_runner(tmp_path: Path) -> None:
    """A runner keeps the metadata that an earlier one was given for a dataset."""
    file = tree(tmp_path / "a.root", **event_columns(1))
    for scale in (1.0, 2.0):
        runner = processor.Runner(processor.IterativeExecutor(), schema=BaseSchema)
        fileset = {"dataset": {"treename": "Events", "files": [file], "metadata": {"scale": scale}}}
        seen = runner(fileset, lambda events: {"scale": events.metadata["scale"]})["scale"]
    assert seen == scale, f"scale {seen}"


@shows(
    Gap(
        tool="coffea",
        version="2026.9.0",
        kind="error",
        shows="no field named 'genJetIdxG'",
        effect="A skim that keeps `GenJet` and drops `GenPart` passes for data: who asks for a match gets an error.",
        instead="Take `GenJet` at `genJetIdx`, masked to the indices that exist.",
        recipe="jet-smearing",
        thread="none found",
    )
)
def test_matches_without_generator_particles(tmp_path: Path) -> None:
    """`matched_gen` of jets needs `GenPart` in the file."""
    jets = {name: jagged([[1]], "f4") for name in ("pt", "eta", "phi", "mass")}
    branches = {"Jet": {**jets, "genJetIdx": jagged([[0]], "i2")}, "GenJet": jets}
    file = tree(tmp_path / "a.root", **event_columns(1), **branches)
    NanoAODSchema.warn_missing_crossrefs = False
    events = NanoEventsFactory.from_root({file: "Events"}, schemaclass=NanoAODSchema).events()
    assert events.Jet.matched_gen.pt.tolist() == [[1]]


@shows(
    Gap(
        tool="coffea",
        version="2026.9.0",
        kind="silent",
        shows="mask [True, False]",
        effect="Certified sections are dropped, while the luminosity counts them.",
        instead="Refuse a JSON whose ranges do not ascend.",
        recipe="certified-data",
        thread="none found",
    )
)
def test_ranges_out_of_order(tmp_path: Path) -> None:
    """`LumiMask` takes ranges in any order, and drops sections of those that are not ascending."""
    certified = tmp_path / "certified.json"
    certified.write_text(json.dumps({"1": [[10, 20], [1, 5]]}))
    mask = LumiMask(str(certified))(np.array([1, 1], "uint32"), np.array([3, 15], "uint32"))
    assert mask.all(), f"mask {mask.tolist()}"


@shows(
    Gap(
        tool="coffea",
        version="2026.9.0",
        kind="silent",
        shows="up is [1.1]",
        effect="Whoever uses the array afterwards has the ratio in place of the weight.",
        instead="Hand `Weights` arrays of its own.",
        recipe="lepton-scale-factors",
        thread="https://github.com/TopEFT/topeft/pull/179",
    )
)
def test_weights_in_place() -> None:
    """`Weights.add` divides the caller's `weightUp` and `weightDown` in place."""
    up = np.array([2.2])
    Weights(1).add("muon", np.array([2.0]), weightUp=up)
    assert up.tolist() == [2.2], f"up is {up.tolist()}"


@shows(
    Gap(
        tool="coffea",
        version="2026.9.0",
        kind="silent",
        shows="up is [0.0]",
        effect="An event whose nominal factor is zero, say beyond the edge of a map, is missing in the shifts too.",
        instead="Multiply the shifted weights by hand where a nominal factor may be zero.",
        recipe="weight-variations",
        thread="none found",
    )
)
def test_shift_of_a_weight_of_zero() -> None:
    """`Weights` keeps ratios to the nominal weight: where that is zero, so are up and down."""
    weights = Weights(1)
    weights.add("muon", np.array([0.0]), weightUp=np.array([3.0]))
    up = weights.weight("muonUp")
    assert up.tolist() == [3.0], f"up is {up.tolist()}"


@shows(
    Gap(
        tool="coffea",
        version="2026.9.0",
        kind="silent",
        shows="no error",
        effect="A misspelt name leaves out what it should take, and a text without brackets is taken letter by letter.",
        instead="Compare the names with those that were added, and give a list.",
        recipe="weight-variations",
        thread="none found",
    )
)
def test_part_of_the_weights_that_does_not_exist() -> None:
    """`Weights.partial_weight` takes a name that was not added for a weight of one."""
    weights = Weights(1, storeIndividual=True)
    weights.add("muon", np.array([2.0]))
    with refused("Muon"):
        weights.partial_weight(include=["Muon"])


@shows(
    Gap(
        tool="coffea",
        version="2026.9.0",
        kind="silent",
        shows="no error",
        effect="Trigger `mu` with a shift `eff` and a weight `mu_eff` share one up and down: the later takes both.",
        instead="Keep names from being another's name and shift, joined by an underscore.",
        recipe="weight-variations",
        thread="none found",
    )
)
def test_names_of_shifts_that_clash() -> None:
    """`Weights` overwrites a shift of `add_multivariation` with that of a weight whose name reads the same."""
    weights, one = Weights(1), np.array([1.0])
    weights.add_multivariation("mu", one, ["eff"], [np.array([1.5])], [one])
    with refused("mu_eff"):
        weights.add("mu_eff", one, weightUp=np.array([1.1]))


@shows(
    Gap(
        tool="coffea",
        version="2026.9.0",
        kind="silent",
        shows="no error",
        effect="Events of a section without a row are kept, and add no luminosity: simulation is scaled too low.",
        instead="Look for sections that the table lacks.",
        recipe="luminosity-bookkeeping",
        thread="none found",
    )
)
def test_section_that_the_table_lacks(tmp_path: Path) -> None:
    """`LumiData` counts a section that its table lacks as no luminosity."""
    table = tmp_path / "luminosity.csv"
    table.write_text("1:1,1:1,x,x,x,x,1.0,2.0,x\n1:1,2:2,x,x,x,x,1.0,2.0,x\n")
    with refused("9"):
        LumiData(str(table)).get_lumi(np.array([[1, 1], [1, 9]]))


@shows(
    Gap(
        tool="coffea",
        version="2026.9.0",
        kind="error",
        shows="too many indices for array",
        effect="A job on one section, as small tests are, ends in an error.",
        instead="Read the table yourself, with `ndmin=2`.",
        recipe="luminosity-bookkeeping",
        thread="none found",
    )
)
def test_table_of_a_single_row(tmp_path: Path) -> None:
    """`LumiData` cannot use a table of a single row."""
    table = tmp_path / "luminosity.csv"
    table.write_text("1:1,1:1,x,x,x,x,1.0,2.0,x\n")
    assert LumiData(str(table)).get_lumi(np.array([[1, 1]])) == 1
