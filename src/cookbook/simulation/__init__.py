"""Make the sample: Pythia 8 events, anti-kt jets from fastjet, a parametrised detector, NanoAOD v15 files.

Everything that is put in by hand stands in ``truth.toml``. The stages are

- `jobs`: the chunks that make the sample,
- `generator`: Pythia events to pruned particles, jets and weights, kept by `cache`,
- `leptons`, `jets`, `fatjets`, `met`, `trigger`: the detector,
- `nano`: names, types and precision of the branches, and the writing of files,
- `corrections`: correctionlib files made from the truth,
- `build`: the command ``python -m cookbook.simulation``.

The extra ``simulation`` of the package brings Pythia and fastjet; reading the sample needs neither.
"""
