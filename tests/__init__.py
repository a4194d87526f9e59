"""All tests."""

import os

# Pytest's workers share the processors: with threads of its own each, linear algebra takes several
# times as long. It reads this once, when NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
