"""What a dry run of a training found, for the terminal, in English and Spanish."""

from typing import TYPE_CHECKING

from quilate.reports.comparison.words import CompareWords
from quilate.reports.strings import language

if TYPE_CHECKING:
    from quilate.reports.comparison.words import CompareWords as Words
    from quilate.tuning.preparing import DryRun
    from quilate.tuning.trainers import Estimate
    from quilate.tuning.training_set import Manifest

_SAID = {
    "en": {
        "examples": "{train} examples to train on, {heldout} held out",
        "rejected": "{n} rows hold no example",
        "clean": "no evaluation sample is among them",
        "found": "EVALUATION SAMPLES are in {n} examples",
        "excluded": "{n} examples hold evaluation samples, and are left out",
        "unchecked": "not checked against evaluation samples: the recipe names no suite",
        "checks": "checks against {samples} samples ({sets}): {checks}",
        "estimate": "{steps} steps{time} on {device}; {parameters} parameters are trained",
        "time": ", about {seconds} s",
        "memory": "memory {need} GB of {free} GB free: {fits}",
        "fits": "fits",
        "does not fit": "DOES NOT FIT",
        "shown": "The first example, what is learned marked:",
        "exact": "word for word",
        "ngrams": "parts (n-grams)",
        "near": "near-duplicates",
        "embedding": "embeddings",
    },
    "es": {
        "examples": "{train} ejemplos para entrenar, {heldout} reservados",
        "rejected": "{n} filas no contienen ningún ejemplo",
        "clean": "ninguna muestra de evaluación está entre ellos",
        "found": "HAY MUESTRAS DE EVALUACIÓN en {n} ejemplos",
        "excluded": "{n} ejemplos contienen muestras de evaluación y se dejan fuera",
        "unchecked": "sin comprobar con muestras de evaluación: la receta no nombra ninguna suite",
        "checks": "comprobaciones con {samples} muestras ({sets}): {checks}",
        "estimate": "{steps} pasos{time} en {device}; se entrenan {parameters} parámetros",
        "time": ", unos {seconds} s",
        "memory": "memoria: {need} GB de {free} GB libres: {fits}",
        "fits": "cabe",
        "does not fit": "NO CABE",
        "shown": "El primer ejemplo, con lo que se aprende marcado:",
        "exact": "palabra por palabra",
        "ngrams": "partes (n-gramas)",
        "near": "casi duplicados",
        "embedding": "embeddings",
    },
}


def dry_run_lines(found: "DryRun", lang: str | None = None) -> list[str]:
    """The lines to print."""
    words = CompareWords(language(lang))
    said = _SAID[words.lang]
    counts = {"train": len(found.data.train), "heldout": len(found.data.heldout)}
    lines = [said["examples"].format(**{key: words.count(n) for key, n in counts.items()})]
    if found.data.rejected:
        lines.append(said["rejected"].format(n=words.count(len(found.data.rejected))))
    if found.lint is not None:
        lines += found.lint.summary(lang)
    lines += check_lines(found.manifest, words)
    lines += estimate_lines(found.estimate, lang)
    return [*lines, said["shown"], found.shown] if found.shown else lines


def estimate_lines(estimate: "Estimate", lang: str | None = None) -> list[str]:
    r"""The steps, time and memory that a training will need.

    >>> from quilate.tuning.trainers import Estimate
    >>> print(*estimate_lines(Estimate(30, 4_884_480, 2_100_000_000, 8 * 10**9, 66.2, "cpu"), "en"),
    ...       sep="\n")
    30 steps, about 66 s on cpu; 4,884,480 parameters are trained
    memory 2.1 GB of 8.0 GB free: fits
    """
    words = CompareWords(language(lang))
    said = _SAID[words.lang]
    time = "" if estimate.seconds is None else said["time"]
    return [
        said["estimate"].format(
            steps=words.count(estimate.steps),
            time=time.format(seconds=words.count(round(estimate.seconds or 0))),
            device=estimate.device,
            parameters=words.count(estimate.trained_parameters),
        ),
        said["memory"].format(
            need=words.number(estimate.memory_bytes / 1e9, digits=1),
            free=words.number(estimate.free_bytes / 1e9, digits=1),
            fits=said["fits" if estimate.fits else "does not fit"],
        ),
        *estimate.notes,
    ]


def check_lines(manifest: "Manifest | None", words: "Words") -> list[str]:
    """What was looked for among the examples, by which checks, and what each found."""
    said = _SAID[words.lang]
    if manifest is None:
        return [said["unchecked"]]
    key = "found" if manifest.found else "excluded" if manifest.excluded else "clean"
    count = len(manifest.found or manifest.excluded)
    return [said[key].format(n=words.count(count)), checks_run(manifest, words)]


def checks_run(manifest: "Manifest", words: "Words") -> str:
    """The checks with the number of examples in which each found a sample."""
    said = _SAID[words.lang]
    # Those as the templates ask them are the same samples again.
    own = [one for one in manifest.evaluation if not one.name.endswith(", as asked")]
    checks = (f"{said[check]} {words.count(n)}" for check, n in manifest.checks.items())
    return said["checks"].format(
        samples=words.count(sum(one.samples for one in own)),
        sets=", ".join(f"{one.name} {words.count(one.samples)}" for one in own),
        checks=", ".join(checks),
    )
