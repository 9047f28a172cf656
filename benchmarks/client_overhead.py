"""CPU that a call costs above the bare openai SDK, beside pydantic-ai and litellm.

    python -m benchmarks.client_overhead [--quick]

One server on loopback, in a process of its own, answers at once. Each client is measured in a
process and an environment of its own against the openai SDK of the same environment: rounds of
calls one after the other, both in turn, CPU of the client's process alone (user and system); the
median of the rounds' differences. Ours has all its middleware on, with limits, a deadline and a
budget, cache off.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from benchmarks._side_venv import side_python
from quilate.testing.faults import fault_server

SIDE = Path(__file__).parent / "_client_side.py"
OTHERS = {"pydantic_ai": "pydantic-ai-slim[openai]", "litellm": "litellm"}


def side(python: str, client: str, address: str, calls: int, rounds: int) -> dict[str, float]:
    """One client's figures; empty, with the reason on stderr, where it failed."""
    command = [python, str(SIDE), client, address, str(calls), str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(f"{client} failed: {done.stderr[-1500:]}\n")
        return {}
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{client:12} {figures['added_ms']:7.3f} ms above the SDK's {figures['bare_ms']:.3f} ms",
        flush=True,
    )
    return figures


def main() -> None:
    """Measure, print a line a client, and one line of JSON last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer calls")
    quick = parser.parse_args().quick
    calls, rounds = (100, 5) if quick else (200, 15)
    pythons = {"quilate": sys.executable}
    for client, package in OTHERS.items():
        pythons[client] = str(side_python(package) or "")
    line: dict[str, float | None] = {}
    with fault_server() as server:
        for client, python in pythons.items():
            found = side(python, client, server.address, calls, rounds) if python else {}
            prefix = "" if client == "quilate" else f"{client}_"
            for name in ("added_ms", "bare_ms"):
                line[prefix + name] = round(found[name], 3) if found else None
    print(json.dumps(line))


if __name__ == "__main__":
    main()
