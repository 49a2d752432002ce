"""What the tools lack where code is compiled, each gap with its smallest reproducer."""

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import ROOT

from cookbook.gaps import Gap
from reproduced import shows

MODULE = """
import numba

@numba.njit(cache=True)
def total(array):
    result = 0.0
    for numbers in array:
        for x in numbers:
            result += x
    return result
"""
# As the behavior of coffea's arrays has functions.
TWICE = """
import awkward as ak
import compiled
import numpy as np

array = ak.Array([[1.0, 2.0], [], [3.0]], behavior={(np.add, "kind", "kind"): lambda a, b: a})
assert compiled.total(array) == 6
print("found" if compiled.total.stats.cache_hits else "compiled anew")
"""
# A function that stores nothing: where its machine code does, a number of its loop had no register.
LOOP = r"""
import ctypes
import ROOT

ROOT.gInterpreter.Declare(
    "double gap_products(const double *x, int n) { double sum = 0; for (int i = 0; i < n; ++i)"
    " for (int j = 0; j < i; ++j) sum += x[i] * x[j]; return sum; }"
)
start = int(ROOT.gInterpreter.ProcessLine("(long)(void *)&gap_products;"))
code = ctypes.string_at(start, 1024).partition(b"\x5d\xc3")[0]  # pop %rbp, ret
print("in memory" if b"\xf2\x0f\x11" in code else "in registers")  # movsd to memory
"""


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="error",
        shows="is not a known C++ class",
        effect="A C++ function of a jagged branch cannot be given to `Define` as it is; one of numbers can.",
        instead="Give it a functor, or call the function by its name in a string.",
        recipe="compiled-code",
        thread="https://github.com/root-project/root/pull/19437",
    )
)
def test_function_of_a_list() -> None:
    """`Define` refuses a C++ function that takes a list."""
    ROOT.gInterpreter.Declare("""
    #ifndef GAP_FUNCTION_OF_A_LIST
    #define GAP_FUNCTION_OF_A_LIST
    double gap_sum_of_list(const ROOT::RVec<float> &x) { return Sum(x); }
    #endif
    """)
    df = ROOT.RDataFrame(1).Define("x", "ROOT::RVec<float>{1, 2}")
    assert df.Define("sum", ROOT.gap_sum_of_list, ["x"]).Sum("sum").GetValue() == 3


@shows(
    Gap(
        tool="awkward",
        version="2.14.0",
        kind="missing",
        shows="compiled anew",
        effect="Each job of a batch compiles again what numba was told to keep, and leaves another file in the cache.",
        instead="Pass `ak.Array(array.layout)`, which has no behavior.",
        recipe="compiled-code",
        thread="none found",
    )
)
def test_cache_for_arrays_with_a_behavior(tmp_path: Path) -> None:
    """What numba keeps is never found again for an array whose behavior has functions, as that of coffea."""
    (tmp_path / "compiled.py").write_text(MODULE)
    command = [sys.executable, "-c", TWICE]
    _, again = (subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True) for _ in "12")
    assert again.stdout.strip() == "found", again.stdout


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="error",
        shows="no headers in",
        effect="A library of an analysis does not compile with the flags of `root-config` of Python's package.",
        instead="Ask `ROOT.gROOT.GetIncludeDir()`.",
        recipe="compiled-code",
        thread="none found",
    )
)
def test_headers_that_root_config_names() -> None:
    """`root-config` of the package names a folder that is not there."""
    tool = Path(str(ROOT.gROOT.GetIncludeDir())).with_name("bin") / "root-config"
    command = [str(tool), "--incdir"]
    folder = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(folder, "TH1D.h").exists(), f"no headers in {folder}"


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="silent",
        shows="sums [6.0, 6.0]",
        effect="A Python function that was edited in a notebook fills the histograms of the version before.",
        instead="Give each version another name, or declare C++ in a namespace named after its text.",
        recipe="compiled-code",
        thread="none found",
    )
)
def test_edited_python_function() -> None:
    """`Define` knows a Python function by its name alone, and keeps the first."""
    pytest.importorskip("cffi", reason="ROOT.Numba needs it")
    df, sums = ROOT.RDataFrame(3).Define("n", "double(rdfentry_)"), []
    for text in "n + 1.0", "n + 100.0":
        version: dict[str, Any] = {}
        exec(f"def gap_shifted(n):\n    return {text}", version)
        gap_shifted = version["gap_shifted"]
        sums.append(df.Define("x", gap_shifted, ["n"]).Sum("x").GetValue())
    assert sums == [6, 303], f"sums {sums}"


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="missing",
        shows="in memory",
        effect="C++ that the session compiles keeps the numbers of its loops in memory, at `-O2` as well.",
        instead="Add `-mllvm -optimize-regalloc` to `EXTRA_CLING_ARGS`, or build a library with g++.",
        recipe="query-6-trijet",
        thread="https://github.com/root-project/root/pull/9342",
    )
)
def test_registers_for_loops() -> None:
    """ROOT switches the allocation of registers off, so that graphs compile faster."""
    if platform.machine() != "x86_64":
        pytest.skip("it reads machine code of x86-64")
    assert place_of_a_sum("-O2 -mllvm -optimize-regalloc") == "in registers", "not when asked for either"
    assert place_of_a_sum("-O2") == "in registers", "in memory"


def place_of_a_sum(arguments: str) -> str:
    """Return where a loop that ROOT compiles so keeps its sum."""
    env = os.environ | {"EXTRA_CLING_ARGS": arguments}
    done = subprocess.run([sys.executable, "-c", LOOP], env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]
