"""Histograms of both engines are kept in a ROOT file and as JSON."""

from pathlib import Path

import hist
import numpy as np
import uproot

from cookbook import histograms


def test_every_kind_comes_back(tmp_path: Path) -> None:
    """Counts, weights, labels and flow bins; what has more axes than a ROOT histogram is in the JSON alone."""
    axis = hist.axis.Regular(2, 0, 1, name="x", label="$x$ [GeV]")
    counts = hist.Hist(hist.axis.StrCategory(["a", "b"], name="step"), storage="int64")
    counts.view()[:] = 3, 2
    four = hist.Hist(*[hist.axis.Integer(0, 2, name=f"n{i}") for i in range(4)], storage="weight")
    filled = {
        "counts": counts,
        "double": hist.Hist(axis).fill([0.2, 7.0]),
        "weighted": hist.Hist(axis, storage="weight").fill([0.2, -7.0], weight=[-1.5, 2]),
        "no/slash": hist.Hist(axis).fill([0.7]),
        "four": four.fill(0, 1, 0, 1, weight=2),
    }
    histograms.save(filled, filled, tmp_path)
    for name, h in histograms.read(tmp_path)["rdataframe"].items():
        assert h == filled[name]
    with uproot.open(tmp_path / "histograms.root") as file:
        for name in ("counts", "double", "weighted", "no/slash"):
            stored = file[f"coffea/{name}"].to_hist()
            assert np.array_equal(stored.values(), filled[name].values())
        assert list(file["coffea/counts"].to_hist().axes[0]) == ["a", "b"]
        assert file["coffea/weighted"].values(flow=True).tolist() == [2, -1.5, 0, 0]
        assert not any("four" in key for key in file.keys())  # noqa: SIM118
