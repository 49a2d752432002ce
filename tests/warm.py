"""Import both engines and use ROOT once, so that a process forked from here compiles only what its fault changed.

coffea is imported and not used: its readers start threads, which a fork would lose.
"""

import os

os.environ["EXTRA_CLING_ARGS"] = "-O0"  # half of the time of a fault would go into optimising it

import coffea.nanoevents
import coffea.processor
import numba
import ROOT

from cookbook import agreement, recipe, sample

ROOT.gEnv.SetValue("Root.Stacktrace", "no")  # which takes ten seconds where a fault ends in a crash

__all__ = ["agreement", "coffea", "numba", "recipe"]

muons = ROOT.RDataFrame("Events", sample.files("TTbar")).Define("good", "Muon_pt > 20 && abs(Muon_eta) < 2.4")
muons = muons.Filter("Sum(good) > 0", "good").Define("weight", "double(genWeight)").Define("pt", "Max(Muon_pt[good])")
results = [muons.Histo1D(("pt", "", 10, 0.0, 100.0), "pt", "weight"), muons.Sum("weight"), muons.Report()]
results[0].GetValue()
