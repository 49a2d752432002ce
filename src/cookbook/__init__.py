"""Helpers of the analysis-pattern cookbook: the sample, the recipe loader, the gates and the timing.

Importing this package reads no file and imports neither ROOT nor coffea. The modules are

- `cookbook.sample`: paths and bookkeeping of the sample NanoAOD,
- `cookbook.recipe`: load a notebook's tagged cells as two functions,
- `cookbook.agreement`: compare the histograms of the two engines,
- `cookbook.closure`: compare data with corrected simulation,
- `cookbook.corrections`: check a correction file before it is used,
- `cookbook.timing`: time both engines fairly.
"""

__all__ = ["agreement", "closure", "corrections", "recipe", "sample", "timing"]
