MUON_MIN_PT, MUON_MAX_ETA, MUON_MAX_ISOLATION = 26.0, 2.4, 0.15  # GeV; relative
JET_MIN_PT, JET_MAX_ETA, JET_DELTA_R = 25.0, 2.4, 0.4  # GeV; distance from the muon
CHANNELS = ["mu_2j", "mu_3j"]  # two jets; three or more
EDGES = [50.0, 100.0, 150.0, 220.0, 600.0]  # GeV; the last bin has what is above
LABEL = "$H_T$ [GeV]"
WAYS = ["nominal", "up", "down"]  # as the file of pileup weights calls them
MUON_WAYS = ["nominal", "systup", "systdown"]
SOURCES = ["AbsoluteMPFBias", "FlavorQCD", "RelativePtEC1", "PileUpPtRef"]
LENGTHS = {"LHEScaleWeight": 9, "PSWeight": 4, "LHEPdfWeight": 33}
EIGENVECTORS = 32  # behind the nominal member; the strong coupling may follow them
MEMBERS = {  # of these lists, as their titles say: up and down
    "muR": ("LHEScaleWeight", 7, 1),
    "muF": ("LHEScaleWeight", 5, 3),
    "ISR": ("PSWeight", 0, 2),
    "FSR": ("PSWeight", 1, 3),
}
MOVED = [f"{s}_{way}" for s in ("pileup", "muon_id", *MEMBERS) for way in ("up", "down")]
MOVED = [*MOVED, "top_pt_up"]
DATA, SUM_OF_WEIGHTS = [], {}  # simulation alone; for files without a tree Runs
