"""Our side of `runner_overhead`, once: ``python -m benchmarks._quilate_side COUNT FOLDER``."""

import json
import sys

from benchmarks.runner_overhead import quilate_side

if __name__ == "__main__":
    print(json.dumps(quilate_side(int(sys.argv[1]), sys.argv[2])))
