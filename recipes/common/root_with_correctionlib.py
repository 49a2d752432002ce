import os

import correctionlib

os.environ.setdefault("EXTRA_CLING_ARGS", "-O2")  # ROOT compiles with -O1 otherwise
import ROOT

correctionlib.register_pyroot_binding()
