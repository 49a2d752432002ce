"""Names, types and precision of the branches, and the writing of files."""

from contextlib import chdir
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

CLUSTER = 2500
# Branches by NumPy type. Anything not listed is a 32-bit float.
TYPES: dict[str, str] = {}
FLOAT_BITS = {"default": 10, "angle": 12, "short": 8, "fraction": 6}
ANGLES = ("eta", "phi", "superclusterEta")
FRACTIONS = ("chHEF", "neHEF", "chEmEF", "neEmEF", "muEF", "area", "muonSubtrFactor", "r9", "sieie", "hoe", "l1pt")
ERRORS = ("dxyErr", "dzErr", "ptErr", "energyErr")
SHORT = ("dxy", "dz", "ip3d", "sip3d", "tau1", "tau2", "tau3", "tau4", "significance", "deltaEtaSC")
FULL = ("genWeight", "LHEWeight_originalXWGTUP", "Generator_weight", "Pileup_nTrueInt")


def declare(kind: str, names: str) -> None:
    """Note the NumPy type of space-separated branch names."""
    TYPES.update(dict.fromkeys(names.split(), kind))


declare("uint32", "run luminosityBlock bunchCrossing")
declare("uint64", "event TrigObj_filterBits")
declare(
    "uint8",
    "PV_npvs PV_npvsGood Jet_chMultiplicity Jet_neMultiplicity Jet_nConstituents Jet_nMuons Jet_nElectrons "
    "Jet_hadronFlavour FatJet_nConstituents FatJet_hadronFlavour SubJet_hadronFlavour SubJet_nBHadrons "
    "SubJet_nCHadrons GenJet_hadronFlavour GenJet_nBHadrons GenJet_nCHadrons GenJetAK8_hadronFlavour "
    "GenJetAK8_nBHadrons GenJetAK8_nCHadrons Muon_pfIsoId Muon_nTrackerLayers Muon_genPartFlav "
    "Electron_cutBased Electron_lostHits Electron_seedGain Electron_genPartFlav Photon_cutBased "
    "Photon_seedGain Photon_genPartFlav",
)
declare("uint16", "TrigObj_id GenPart_statusFlags")
declare(
    "int16",
    "Jet_genJetIdx Jet_muonIdx1 Jet_muonIdx2 Jet_electronIdx1 Jet_electronIdx2 Jet_partonFlavour "
    "FatJet_chMultiplicity FatJet_neMultiplicity FatJet_subJetIdx1 FatJet_subJetIdx2 FatJet_genJetAK8Idx "
    "GenJet_partonFlavour GenJetAK8_partonFlavour GenPart_genPartIdxMother Muon_jetIdx Muon_genPartIdx "
    "Electron_jetIdx Electron_photonIdx Electron_genPartIdx Photon_jetIdx Photon_electronIdx Photon_genPartIdx",
)
declare(
    "int32",
    "Pileup_nPU Generator_id1 Generator_id2 GenPart_pdgId GenPart_status Muon_charge Muon_pdgId "
    "Electron_charge Electron_pdgId",
)
declare(
    "bool",
    "Muon_looseId Muon_mediumId Muon_tightId Muon_mediumPromptId Muon_isGlobal Muon_isTracker Muon_isPFcand "
    "Electron_mvaIso_WP90 Electron_mvaIso_WP80 Electron_mvaNoIso_WP90 Electron_mvaNoIso_WP80 Electron_convVeto "
    "Photon_isScEtaEB Photon_isScEtaEE Photon_mvaID_WP90 Photon_mvaID_WP80 Photon_electronVeto Photon_pixelSeed",
)

# Columns that the detector uses and NanoAOD does not have.
INTERNAL = {"Jet": ("true", "raw"), "FatJet": ("bottoms",)}
GENERATOR_FIELDS = ("genPartIdx", "genPartFlav", "genJetIdx", "genJetAK8Idx", "hadronFlavour", "partonFlavour")
GENERATOR_SUB = ("nBHadrons", "nCHadrons")
GENERATOR_PREFIXES = ("Gen", "LHE", "PSWeight", "genWeight", "Pileup")

TITLES = {
    "genWeight": "generator weight",
    "LHEScaleWeight": 'LHE scale variation weights (w_var / w_nominal); [0] is MUF="0.5" MUR="0.5"; '
    '[1] is MUF="1.0" MUR="0.5"; [2] is MUF="2.0" MUR="0.5"; [3] is MUF="0.5" MUR="1.0"; '
    '[4] is MUF="1.0" MUR="1.0"; [5] is MUF="2.0" MUR="1.0"; [6] is MUF="0.5" MUR="2.0"; '
    '[7] is MUF="1.0" MUR="2.0"; [8] is MUF="2.0" MUR="2.0"',
    "LHEPdfWeight": "PDF variation weights (w_var / w_nominal), toy Hessian set: [0] is the nominal set, [1]-[32] "
    "are eigenvectors",
    "PSWeight": "PS weights (w_var / w_nominal); [0] is ISR up (muR/sqrt(2)) FSR=1; [1] is ISR=1 FSR up; "
    "[2] is ISR down (muR*sqrt(2)) FSR=1; [3] is ISR=1 FSR down",
    "LHEWeight_originalXWGTUP": "nominal event weight in the LHE file",
    "Pileup_nTrueInt": "the true mean number of the poisson distribution for this event from which the number of "
    "interactions each bunch crossing has been sampled",
    "Pileup_nPU": "the number of pileup interactions that have been added to the event in the current bunch crossing",
    "Jet_rawFactor": "1 - Factor to get back to raw pT",
    "Jet_muonSubtrFactor": "1-(muon-subtracted raw pt)/(raw pt)",
    "Jet_genJetIdx": "index of matched gen jet",
    "Jet_hadronFlavour": "flavour from hadron ghost clustering",
    "Jet_btagDeepFlavB": "DeepJet b+bb+lepb tag discriminator (toy)",
    "Jet_btagPNetB": "ParticleNet b vs. udscg (toy)",
    "Jet_btagUParTAK4B": "UnifiedParT b vs. udscg (toy)",
    "Muon_pfRelIso04_all": "PF relative isolation dR=0.4, total (deltaBeta corrections)",
    "Muon_genPartFlav": "Flavour of genParticle for MC matching to status==1 muons: 1 = prompt muon (including "
    "gamma*->mu mu), 15 = muon from prompt tau, 5 = muon from b, 4 = muon from c, 3 = muon from light or unknown, "
    "0 = unmatched",
    "Electron_cutBased": "cut-based ID (0:fail, 1:veto, 2:loose, 3:medium, 4:tight)",
    "GenPart_statusFlags": "gen status flags stored bitwise, bits are: 0 : isPrompt, 1 : isDecayedLeptonHadron, "
    "2 : isTauDecayProduct, 3 : isPromptTauDecayProduct, 4 : isDirectTauDecayProduct, "
    "5 : isDirectPromptTauDecayProduct, 6 : isDirectHadronDecayProduct, 7 : isHardProcess, 8 : fromHardProcess, "
    "9 : isHardProcessTauDecayProduct, 10 : isDirectHardProcessTauDecayProduct, 11 : fromHardProcessBeforeFSR, "
    "12 : isFirstCopy, 13 : isLastCopy, 14 : isLastCopyBeforeFSR",
    "TrigObj_id": "ID of the object: 1 = Jet, 6 = FatJet, 11 = Electron, 13 = Muon, 22 = Photon",
    "TrigObj_filterBits": "extra bits of associated information: 1 = TrkIsoVVL, 2 = Iso, 8 = 1mu, 16 = 2mu, "
    "1024 = Mu50 for Muon; 1 = CaloIdL_TrackIdL_IsoVL, 2 = 1e (WPTight), 16 = 2e for Electron; 512 = 110EB for "
    "Photon; 8 = single jet for Jet; 1 = soft-drop mass and Xbb for FatJet",
    "PuppiMET_pt": "pt, type-1 corrected with the correction of the stored jets",
    "RawPuppiMET_pt": "pt, before the type-1 correction",
}


def is_generator(branch: str) -> bool:
    """Whether a branch exists in simulation only."""
    field = branch.partition("_")[2]
    return branch.startswith(GENERATOR_PREFIXES) or field in GENERATOR_FIELDS or field in GENERATOR_SUB


def round_mantissa(values: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """Round to `bits` bits of mantissa, as NanoAOD does before it writes a float."""
    if bits >= 23:
        return values
    drop = 23 - bits
    word = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    half, mask = np.uint32((1 << (drop - 1)) - 1), np.uint32(~((1 << drop) - 1) & 0xFFFFFFFF)
    odd = (word >> np.uint32(drop)) & np.uint32(1)
    rounded = (word + half + odd) & mask
    return np.where(np.isfinite(values), rounded.view(np.float32), values).astype(np.float32)


def precision(branch: str) -> int:
    """Bits of mantissa kept of a float branch."""
    collection, _, field = branch.partition("_")
    if branch in FULL:
        return 23
    if collection in ("GenPart", "GenJet", "GenJetAK8"):
        return FLOAT_BITS["short"] if field == "mass" else FLOAT_BITS["default"]
    if field in ANGLES:
        return FLOAT_BITS["angle"]
    if (
        field in (*FRACTIONS, *ERRORS)
        or field.startswith(("pfRelIso03", "miniPF"))
        or collection in ("PV", "Generator")
    ):
        return FLOAT_BITS["fraction"]
    if field in SHORT or branch in ("LHEScaleWeight", "LHEPdfWeight", "PSWeight") or "Unclustered" in field:
        return FLOAT_BITS["short"]
    return FLOAT_BITS["default"]


def convert(branch: str, values: Any) -> Any:
    """Values of one branch in NanoAOD's type and precision; jagged arrays stay jagged."""
    if isinstance(values, ak.Array) and values.ndim > 1:
        number = ak.num(values, axis=1)
        return ak.unflatten(convert(branch, ak.to_numpy(ak.flatten(values))), number)
    kind = TYPES.get(branch, "bool" if branch.startswith(("HLT_", "Flag_")) else "float32")
    array = np.asarray(values)
    if kind != "float32":
        limits = np.iinfo(kind) if kind != "bool" else None
        if limits is not None and len(array):
            array = np.clip(np.rint(array.astype(float)) if array.dtype.kind == "f" else array, limits.min, limits.max)
        return array.astype(kind)
    return round_mantissa(array.astype(np.float32), precision(branch))


def finish(columns: dict[str, Any]) -> dict[str, Any]:
    """Columns of a chunk ready for writing: collections as records, internal fields dropped."""
    result: dict[str, Any] = {}
    for name, values in columns.items():
        fields = values.fields if isinstance(values, ak.Array) else []
        if not fields:
            result[name] = convert(name, values)
            continue
        keep = [field for field in fields if field not in INTERNAL.get(name, ())]
        result[name] = ak.zip({field: convert(f"{name}_{field}", values[field]) for field in keep})
    return result


def drop_generator(columns: dict[str, Any]) -> dict[str, Any]:
    """Columns without what only simulation knows."""
    result: dict[str, Any] = {}
    for name, values in columns.items():
        if is_generator(name):
            continue
        fields = values.fields if isinstance(values, ak.Array) else []
        keep = [field for field in fields if not is_generator(f"{name}_{field}")]
        result[name] = values[keep] if fields else values
    return result


def write(path: Path, events: dict[str, Any], runs: dict[str, Any], sections: dict[str, Any]) -> None:
    """Write the three trees of a file, then move it into place.

    It is written from its own folder: the path by which a file was opened stands in it.
    """
    with chdir(path.parent):
        partial = Path(f"{path.name}.partial")
        with uproot.recreate(partial, compression=uproot.ZSTD(9)) as file:
            write_tree(file, "Events", events)
            write_tree(file, "LuminosityBlocks", sections)
            write_tree(file, "Runs", runs)
        set_titles(partial)
        partial.replace(path.name)


def branch_type(values: Any) -> Any:
    """Type of a branch as uproot wants it."""
    return values.type.content if isinstance(values, ak.Array) else values.dtype


def write_tree(file: Any, name: str, columns: dict[str, Any]) -> None:
    """Write one tree, a cluster of baskets at a time."""
    types = {key: branch_type(values) for key, values in columns.items()}
    tree = file.mktree(name, types, counter_name=lambda counted: f"n{counted}", field_name=join)
    size = len(next(iter(columns.values())))
    for start in range(0, max(size, 1), CLUSTER):
        tree.extend({key: values[start : start + CLUSTER] for key, values in columns.items()})


def join(outer: str, inner: str) -> str:
    """Branch name of a field of a collection."""
    return inner if outer == "" else f"{outer}_{inner}"


def set_titles(path: Path) -> None:
    """Give branches their documentation as title, as NanoAOD has it; uproot has no way to."""
    import ROOT

    file = ROOT.TFile.Open(str(path), "UPDATE")
    tree = file.Get("Events")
    for branch, title in TITLES.items():
        if tree.GetBranch(branch):
            tree.GetBranch(branch).SetTitle(title)
    tree.Write("", ROOT.TObject.kOverwrite)
    file.Close()
