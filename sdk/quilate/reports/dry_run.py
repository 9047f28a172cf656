"""What a dry run of a training found, for the terminal, in English and Spanish."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

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
        "threads": "{device} ({threads} threads)",
        "memory": "memory {need} GB of {free} GB free: {fits}",
        "weights": "weights",
        "adapter": "adapter and optimiser",
        "activations": "activations",
        "logits": "logits",
        "process": "process",
        "batch": "at batch_size {batch_size} × {longest} tokens, the longest of {examples}"
        " examples; matrices in {precision}",
        "recomputed": "activations are computed again on the way back, as they do not fit"
        " otherwise: about a third more time",
        "dropped": "{n} examples are dropped",
        "task": "task",
        "regression": "regression",
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
        "threads": "{device} ({threads} hilos)",
        "memory": "memoria: {need} GB de {free} GB libres: {fits}",
        "weights": "pesos",
        "adapter": "adaptador y optimizador",
        "activations": "activaciones",
        "logits": "logits",
        "process": "proceso",
        "batch": "con batch_size {batch_size} × {longest} tokens, los del más largo de {examples}"
        " ejemplos; matrices en {precision}",
        "recomputed": "las activaciones se calculan de nuevo a la vuelta, porque no caben de otro"
        " modo: cerca de un tercio más de tiempo",
        "dropped": "{n} ejemplos se descartan",
        "task": "tarea",
        "regression": "regresión",
        "fits": "cabe",
        "does not fit": "NO CABE",
        "shown": "El primer ejemplo, con lo que se aprende marcado:",
        "exact": "palabra por palabra",
        "ngrams": "partes (n-gramas)",
        "near": "casi duplicados",
        "embedding": "embeddings",
    },
}

_BATCH = ("batch_size", "longest", "examples")


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
            device=device_of(estimate.device, estimate.details, words),
            parameters=words.count(estimate.trained_parameters),
        ),
        said["memory"].format(
            need=words.number(estimate.memory_bytes / 1e9, digits=1),
            free=words.number(estimate.free_bytes / 1e9, digits=1),
            fits=said["fits" if estimate.fits else "does not fit"],
        ),
        *_reckoned(estimate, words),
    ]


def device_of(device: str, details: Mapping[str, Any], words: "Words") -> str:
    """The device, with its threads where they are known."""
    if "threads" not in details:
        return device
    threads = words.count(details["threads"])
    return _SAID[words.lang]["threads"].format(device=device, threads=threads)


def _reckoned(estimate: "Estimate", words: "Words") -> list[str]:
    """How an estimate was reckoned; details that we have no words for stand as they are."""
    said, lines, rest = _SAID[words.lang], [], dict(estimate.details)
    rest.pop("threads", None)  # beside the device
    parts = {name: words.number(n / 1e9) for name, n in estimate.parts.items()}
    if parts:
        lines.append(", ".join(f"{said.get(name, name)} {n} GB" for name, n in parts.items()))
    if rest.keys() >= {*_BATCH, "precision"}:
        counts = {name: words.count(int(rest.pop(name))) for name in _BATCH}
        precision = str(rest.pop("precision"))
        named = {"bf16": "bfloat16", "fp32": "float32"}.get(precision, precision)
        lines.append(said["batch"].format(**counts, precision=named))
    if rest.pop("recomputed", False):
        lines.append(said["recomputed"])
    if dropped := int(rest.pop("dropped", 0)):
        lines.append(said["dropped"].format(n=words.count(dropped)))
    return [*lines, *(f"{name}: {value}" for name, value in rest.items())]


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
    checks = (f"{said[check]} {words.count(n)}" for check, n in manifest.checks.items())
    return said["checks"].format(
        **sets_of(manifest, words),
        checks=", ".join(checks),
    )


def sets_of(manifest: "Manifest", words: "Words") -> dict[str, str]:
    """How many evaluation `samples` there are, and of which `sets`."""
    said = _SAID[words.lang]
    # Those as the templates ask them are the same samples again.
    own = [one for one in manifest.evaluation if not one.name.endswith(", as asked")]
    return {
        "samples": words.count(sum(one.samples for one in own)),
        "sets": ", ".join(
            f"{said.get(one.name, one.name)} {words.count(one.samples)}" for one in own
        ),
    }
