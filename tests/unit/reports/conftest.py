"""The factory of runs, for every test of this folder."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # `sample_runs` is shared with tests/browser
