"""What `quilate compare` takes on two runs of 10,000 samples each.

    python -m benchmarks.compare_speed [--quick]

Two real runs (2,000 samples with --quick) of Python-function targets, scored by exact match, token
F1 and a graded length, are made in a store. Then the whole command, a process of its own, compares
them: CPU seconds, user and system, of all its threads, from the start of the interpreter to its
end; the median of several. `margin_cpu_s` is the same with --margin, `html_cpu_s` with --html too.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TEXT = (
    "la biblioteca abre a las nueve y cierra cuando sale el último lector the books may be kept "
    "for three weeks after which a reminder is sent to every reader who has not returned them"
)
WORDS = TEXT.split()


def make_runs(count: int, store: str) -> list[str]:
    """Two runs over the same samples, the second a little better; their ids."""
    from quilate import registry
    from quilate.evals import Suite, evaluate
    from quilate.evaluators import Metric, Output, Sample, Score

    @dataclass(frozen=True)
    class Length:
        name: str = "length"
        metrics: tuple[Metric, ...] = (Metric("length", "Words, of those of the reference."),)
        needs: frozenset[str] = frozenset()

        async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
            share = len(output.text) / len(sample.references[0])
            return [Score.of("length", min(share, 1 / share))]

    draw = random.Random(0)
    samples = [
        Sample(
            f"s{number:05d}",
            f"¿{number}? {' '.join(draw.choices(WORDS, k=15))}",
            (" ".join(draw.choices(WORDS, k=25)),),
            language=("es", "en")[number % 2],
        )
        for number in range(count)
    ]
    references = {sample.question: sample.references[0] for sample in samples}
    evaluators = [registry.evaluator("exact_match"), registry.evaluator("token_f1"), Length()]
    return [
        evaluate(
            Suite("speed", samples, {"app": answering(references, share, salt)}, evaluators),
            store=store,
        ).id
        for salt, share in (("a", 0.50), ("b", 0.52))
    ]


def answering(references: dict[str, str], share: float, salt: str) -> Callable[[str], str]:
    """A target that is right with probability `share`, else gives a part of the answer and more."""

    def answer(question: str) -> str:
        draw = random.Random(f"{salt} {question}")
        words = references[question].split()
        if draw.random() < share:
            return " ".join(words)
        kept = words[: draw.randrange(len(words))]
        return " ".join([*kept, *draw.choices(WORDS, k=draw.randrange(5, 40))])

    return answer


def seconds(command: list[str], runs: int) -> float:
    """The median CPU of a command after one run that does not count."""
    return round(statistics.median([_cpu(command) for _ in range(runs + 1)][1:]), 3)


def _cpu(command: list[str]) -> float:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 6, 7):  # codes of the verdict
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}.")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure, print, and one line of JSON last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    count, runs = (2_000, 3) if quick else (10_000, 9)
    with tempfile.TemporaryDirectory() as folder:
        a, b = make_runs(count, folder)
        command = [str(Path(sys.executable).parent / "quilate"), "compare", a, b]
        command += ["--store", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        print(done.stdout, done.stderr)
        page = str(Path(folder) / "page.html")
        figures = {
            "n": count,
            "cpu_s": seconds(command, runs),
            "margin_cpu_s": seconds([*command, "--margin", "0.05"], runs),
            "html_cpu_s": seconds([*command, "--margin", "0.05", "--html", page], 1),
            "cores": os.cpu_count(),
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
