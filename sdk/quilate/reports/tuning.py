"""What a fine-tuning loop found: a verdict in the terminal and on one HTML page, in English and
Spanish. The answers side by side stand on pages of their own beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilate.reports.comparison import wording
from quilate.reports.comparison.words import CompareWords
from quilate.reports.pages import render_page, write_whole
from quilate.reports.strings import language
from quilate.tuning.sensitivity import smallest_losses
from quilate.tuning.trainers import LossPoint

if TYPE_CHECKING:
    from quilate.reports.comparison.values import RunComparison
    from quilate.tuning.deciding import Decision
    from quilate.tuning.loop import LoopResult
    from quilate.tuning.recipe import ParitySpec
    from quilate.tuning.trainers import Parity

_WIDTH, _HEIGHT, _LEFT, _BELOW = 640, 220, 46, 24

_SAID = {
    "en": {
        "ship": "SHIP",
        "do not ship": "DO NOT SHIP",
        "better": "At the task it is better: {figures}.",
        "not shown better": "At the task it is not shown to be better: {figures}.",
        "worse at the task": "At the task it is worse: {figures}.",
        "judge not trusted": "By people's labels the judge of the task's first metric is not to be"
        " trusted, so it decides only when the recipe names it: {figures}.",
        "regression worse": "Elsewhere it is worse: {figures}.",
        "regression not shown": "Elsewhere it is not shown to lose no more than the margin:"
        " {figures}.",
        "regression kept": "Elsewhere no loss is shown: {figures}.",
        "parity failed": "What is served is not what was trained: {figures}.",
        "no scores": "There are too few scores to compare.",
        "figure": "{metric} {a} → {b} ({difference})",
        "visible": "The smallest loss that the regression suite would have shown four times in"
        " five: {figures}.",
        "loss of": "{metric} {loss} ({n} samples)",
        "no loss": "{metric} none that can be told ({n} samples)",
        "blind": "WARNING: a loss that matters could have stayed unseen ({metrics}): the regression"
        " suite is too small.",
        "blind margin": "WARNING: that is more than the margin of {margin} ({metric}): a loss that"
        " matters could have stayed unseen. About {needed} samples would show one of that size.",
        "title": "{name}: the tuned model against its base",
        "trained": "Training",
        "steps": "steps",
        "kept step": "kept, by its held-out loss",
        "examples": "examples",
        "heldout": "held out",
        "tokens": "supervised tokens",
        "seconds": "seconds",
        "device": "device",
        "memory": "memory foreseen",
        "loss": "Loss, in nats a supervised token",
        "training loss": "training",
        "heldout loss": "held out",
        "clean": "None of {samples} evaluation samples is among the examples ({sets}).",
        "contaminated": "Evaluation samples were trained on, which the recipe allows: the figures"
        " say little.",
        "served": "Served as trained",
        "parity": "Over {positions} positions of {prompts} held-out prompts: KL {kl} nats a token"
        " (the base alone {base_kl}), the same likeliest token in {top1} (base {base_top1}); greedy"
        " answers equal in {same} of {prompts}.",
        "passed": "Passed: {limits}.",
        "failed": "FAILED: {limits}.",
        "limits": "KL may be {max_kl} more than the base's, and the same token likeliest in no less"
        " than {min_top1} of the base's share",
        "lint": "{n} examples were left out by the lint: {file}",
        "evaluation samples": "{n} examples hold evaluation samples, and were left out: {file}",
        "no example": "{n} rows hold no example: {file}",
        "end": "{steps} steps in {seconds} s{loss}. Adapter: {adapter}",
        "end loss": ", held-out loss {loss}",
        "already": "It was trained before, and nothing is trained anew: {end}",
        "residual": "The conversion left out up to {share} of a matrix.",
        "task": "The task",
        "regression": "Everything else",
        "answers": "answers side by side",
        "base": "base",
        "tuned": "tuned",
        "gain": "tuned − base",
        "use": "Use it",
        "where": "Report: {path}",
    },
    "es": {
        "ship": "PUBLICAR",
        "do not ship": "NO PUBLICAR",
        "better": "En la tarea es mejor: {figures}.",
        "not shown better": "En la tarea no se demuestra que sea mejor: {figures}.",
        "worse at the task": "En la tarea es peor: {figures}.",
        "judge not trusted": "Según las etiquetas de personas, el juez de la primera métrica de la"
        " tarea no es de fiar, así que solo decide si la receta la nombra: {figures}.",
        "regression worse": "En lo demás es peor: {figures}.",
        "regression not shown": "En lo demás no se demuestra que pierda menos que el margen:"
        " {figures}.",
        "regression kept": "En lo demás no se demuestra ninguna pérdida: {figures}.",
        "parity failed": "Lo que se sirve no es lo que se entrenó: {figures}.",
        "no scores": "Hay muy pocas puntuaciones para comparar.",
        "figure": "{metric} {a} → {b} ({difference})",
        "visible": "La menor pérdida que la suite de regresión habría mostrado cuatro de cada cinco"
        " veces: {figures}.",
        "loss of": "{metric} {loss} ({n} muestras)",
        "no loss": "{metric} ninguna que se pueda decir ({n} muestras)",
        "blind": "AVISO: una pérdida que importe pudo quedar sin verse ({metrics}): la suite de"
        " regresión es demasiado pequeña.",
        "blind margin": "AVISO: eso es más que el margen de {margin} ({metric}): una pérdida que"
        " importe pudo quedar sin verse. Unas {needed} muestras mostrarían una de ese tamaño.",
        "title": "{name}: el modelo ajustado frente a su base",
        "trained": "Entrenamiento",
        "steps": "pasos",
        "kept step": "el que se conserva, por su pérdida en lo reservado",
        "examples": "ejemplos",
        "heldout": "reservados",
        "tokens": "tokens supervisados",
        "seconds": "segundos",
        "device": "dispositivo",
        "memory": "memoria prevista",
        "loss": "Pérdida, en nats por token supervisado",
        "training loss": "entrenamiento",
        "heldout loss": "reservado",
        "clean": "Ninguna de las {samples} muestras de evaluación está entre los ejemplos"
        " ({sets}).",
        "contaminated": "Se entrenó con muestras de evaluación, y la receta lo permite: las cifras"
        " dicen poco.",
        "served": "Servido como se entrenó",
        "parity": "En {positions} posiciones de {prompts} preguntas reservadas: KL {kl} nats por"
        " token (la base sola, {base_kl}), el mismo token más probable en el {top1} (base,"
        " {base_top1}); respuestas voraces iguales en {same} de {prompts}.",
        "passed": "Aprobado: {limits}.",
        "failed": "SUSPENDIDO: {limits}.",
        "limits": "la KL puede ser {max_kl} más que la de la base, y el mismo token el más probable"
        " en no menos del {min_top1} de lo de la base",
        "lint": "{n} ejemplos se dejaron fuera por la revisión: {file}",
        "evaluation samples": "{n} ejemplos contienen muestras de evaluación y se dejaron fuera:"
        " {file}",
        "no example": "{n} filas no contienen ningún ejemplo: {file}",
        "end": "{steps} pasos en {seconds} s{loss}. Adaptador: {adapter}",
        "end loss": ", pérdida en lo reservado {loss}",
        "already": "Ya estaba entrenado y no se entrena nada de nuevo: {end}",
        "residual": "La conversión dejó fuera hasta el {share} de una matriz.",
        "task": "La tarea",
        "regression": "Todo lo demás",
        "answers": "respuestas lado a lado",
        "base": "base",
        "tuned": "ajustado",
        "gain": "ajustado − base",
        "use": "Para usarlo",
        "where": "Informe: {path}",
    },
}


@dataclass(frozen=True, slots=True)
class Curve:
    """A loss curve as an SVG path, with its name."""

    name: str
    kind: str
    path: str
    dots: tuple[tuple[float, float], ...]


def verdict_lines(result: "LoopResult", lang: str | None = None) -> list[str]:
    """The verdict and its reasons, a line each."""
    words = CompareWords(language(lang))
    said = _SAID[words.lang]
    decision = result.decision
    if decision is None:
        return []
    lines = [said[decision.ruling]]
    for reason in decision.reasons:
        figures = _figures(words, reason, result)
        lines.append(said[reason].format(figures=figures))
    return [*lines, *_visible(words, decision)]


def trained_line(result: "LoopResult", lang: str | None = None) -> str:
    """How a training ended, and where its adapter is."""
    words = CompareWords(language(lang))
    said, trained = _SAID[words.lang], result.trained
    losses = [point.loss for point in trained.losses if point.heldout]
    loss = said["end loss"].format(loss=words.number(min(losses), digits=3)) if losses else ""
    end = said["end"].format(
        steps=words.count(trained.steps),
        seconds=words.count(round(trained.seconds)),
        loss=loss,
        adapter=trained.adapter,
    )
    return said["already"].format(end=end) if result.already else end


def left_out_lines(result: "LoopResult", lang: str | None = None) -> list[str]:
    """What was not trained on, and where it is named."""
    words = CompareWords(language(lang))
    return [
        _SAID[words.lang][one.reason].format(n=words.count(one.n), file=one.file)
        for one in result.left_out
    ]


def usage_lines(result: "LoopResult", lang: str | None = None) -> list[str]:
    """How the tuned model is used."""
    code = usage_code(result)
    return [f"{_SAID[language(lang)]['use']}: {code}"] if code else []


def _visible(words: CompareWords, decision: "Decision") -> list[str]:
    """The smallest loss that the regression suite could have shown, and where that is too large."""
    said, losses = _SAID[words.lang], decision.smallest_losses
    if not losses:
        return []
    figures = ", ".join(
        said["no loss" if one.loss is None else "loss of"].format(
            metric=one.metric,
            n=words.count(one.n),
            loss="" if one.loss is None else wording.small(words, one.loss),
        )
        for one in losses
    )
    lines = [said["visible"].format(figures=figures)]
    unseen = [one.metric for one in losses if one.blind and one.margin is None]
    if unseen:
        lines.append(said["blind"].format(metrics=", ".join(unseen)))
    for one in losses:
        if one.blind and one.margin is not None:
            lines.append(
                said["blind margin"].format(
                    metric=one.metric,
                    margin=words.number(one.margin),
                    needed="?" if one.needed is None else words.count(one.needed),
                )
            )
    return lines


def _figures(words: CompareWords, reason: str, result: "LoopResult") -> str:
    decision = result.decision
    assert decision is not None  # noqa: S101  # the caller looked
    if reason == "parity failed":
        return "; ".join(result.parity.reasons) if result.parity is not None else ""
    found = decision.regression if reason.startswith("regression") else decision.task
    if found is None:
        return ""
    said = _SAID[words.lang]["figure"]
    return ", ".join(
        said.format(
            metric=row.metric,
            a=words.number(row.a),
            b=words.number(row.b),
            difference=wording.figure(words, row),
        )
        for row in found.rows
        if row.decides
    )


def write(result: "LoopResult", path: Path, *, lang: str | None = None) -> Path:
    """Write the page, and the pages of answers beside it; raises StoreError where it cannot."""
    decision = result.decision
    if decision is not None:
        decision.task.to_html(_beside(path, "task"), lang=lang)
        if decision.regression is not None:
            decision.regression.to_html(_beside(path, "regression"), lang=lang)
    return write_whole(path, page_of(result, lang=lang, path=path))


def _beside(path: Path, what: str) -> Path:
    """Where the page of answers of a report is: ``report.html`` has ``report-task.html``."""
    return path.with_name(f"{path.stem}-{what}.html")


def page_of(
    result: "LoopResult", *, lang: str | None = None, path: Path = Path("report.html")
) -> str:
    """The page that `write` writes to `path`."""
    words = CompareWords(language(lang))
    said = _SAID[words.lang]
    lines = verdict_lines(result, lang)
    return render_page(
        "tuning.html.j2",
        styles=("report.css", "compare.css", "tuning.css"),
        scripts=("page.js",),
        words=words,
        said=said,
        wording=wording,
        result=result,
        verdict=lines[0] if lines else "",
        reasons=lines[1:],
        facts=_facts(words, result),
        check=_check(words, result),
        parity=_certificate(words, result),
        curves=curves(result.trained.losses, said),
        ticks=_ticks(words, result.trained.losses),
        comparisons=_comparisons(result, said, path),
        smallest_visible=_smallest_visible,
        zip=zip,
        code=usage_code(result),
    )


def _facts(words: CompareWords, result: "LoopResult") -> list[tuple[str, str]]:
    from quilate.reports.dry_run import device_of

    said, trained = _SAID[words.lang], result.trained
    facts = [
        (said["examples"], words.count(result.examples)),
        (said["heldout"], words.count(result.heldout)),
        (said["steps"], words.count(trained.steps)),
        (said["kept step"], words.count(trained.best_step)),
        (said["tokens"], words.count(trained.supervised_tokens)),
        (said["seconds"], words.count(round(trained.seconds))),
        (said["device"], device_of(trained.device, trained.details, words)),
    ]
    if result.estimate is not None:
        gigabytes = words.number(result.estimate.memory_bytes / 1e9, digits=1)
        facts.append((said["memory"], f"{gigabytes} GB"))
    return facts


def _check(words: CompareWords, result: "LoopResult") -> str:
    """What was looked for among the examples, by which checks, and what was found."""
    from quilate.reports.dry_run import checks_run, sets_of

    said, manifest = _SAID[words.lang], result.manifest
    if manifest is None:
        return ""
    checks = checks_run(manifest, words)
    if manifest.found:
        return f"{said['contaminated']} {checks[0].upper()}{checks[1:]}."
    clean = said["clean"].format(**sets_of(manifest, words))
    return f"{clean} {checks[0].upper()}{checks[1:]}."


def _certificate(words: CompareWords, result: "LoopResult") -> list[str]:
    """What the certificate says, and what the conversion left out."""
    if result.parity is None:
        return []
    lines = parity_lines(result.parity, result.recipe.parity, words.lang)
    if result.converted is not None and result.converted.residual:
        largest = round(max(result.converted.residual.values()), 3)
        lines.append(_SAID[words.lang]["residual"].format(share=words.percent(largest)))
    return lines


def parity_lines(parity: "Parity", spec: "ParitySpec", lang: str | None = None) -> list[str]:
    """How near the served model is to the trained one, whether that is near enough, and why not."""
    words = CompareWords(language(lang))
    said = _SAID[words.lang]
    limits = said["limits"].format(
        max_kl=wording.exact(words, spec.max_kl), min_top1=words.percent(spec.min_top1)
    )
    return [
        said["parity"].format(
            positions=words.count(parity.positions),
            prompts=words.count(parity.prompts),
            kl=_small(words, parity.kl),
            base_kl=_small(words, parity.base_kl),
            top1=words.percent(round(parity.top1, 3)),
            base_top1=words.percent(round(parity.base_top1, 3)),
            same=words.count(parity.greedy_same),
        ),
        said["passed" if parity.passed else "failed"].format(limits=limits),
        *parity.reasons,
    ]


def _small(words: CompareWords, value: float) -> str:
    """A small number to four digits behind the point."""
    least = 0.0001
    return words.number(value, digits=4) if value >= least else f"< {words.number(least, digits=4)}"


def _comparisons(
    result: "LoopResult", said: dict[str, str], path: Path
) -> list[tuple[str, str, "RunComparison"]]:
    decision = result.decision
    if decision is None:
        return []
    found = [(said["task"], _beside(path, "task").name, decision.task)]
    if decision.regression is not None:
        found.append((said["regression"], _beside(path, "regression").name, decision.regression))
    return found


def _smallest_visible(found: "RunComparison") -> list[float | None]:
    """For each row the smallest difference that it could have shown: by the same test as the loss
    in the verdict, so that the page says one figure."""
    losses = iter(smallest_losses(found))
    return [next(losses).loss if row.decides else row.detectable for row in found.rows]


def usage_code(result: "LoopResult") -> str:
    """How the tuned model is opened in Python."""
    if result.converted is None:
        return ""
    base = result.recipe.base
    return f'quilate.model("llamacpp/{base}", lora="{result.converted.file}")'


def curves(losses: Sequence[LossPoint], said: dict[str, str]) -> list[Curve]:
    """The loss of training and of what is held out, as paths."""
    drawn = []
    for kind, heldout in (("training loss", False), ("heldout loss", True)):
        points = [point for point in losses if point.heldout == heldout]
        if points:
            at = [_place(point, losses) for point in points]
            path = "M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in at)
            drawn.append(Curve(said[kind], kind.split()[0], path, tuple(at) if heldout else ()))
    return drawn


def _place(point: LossPoint, losses: Sequence[LossPoint]) -> tuple[float, float]:
    last = max(one.step for one in losses) or 1
    high = max(one.loss for one in losses) or 1.0
    x = _LEFT + (_WIDTH - _LEFT - 8) * point.step / last
    return x, 8 + (_HEIGHT - _BELOW - 8) * (1 - point.loss / high)


def _ticks(words: CompareWords, losses: Sequence[LossPoint]) -> dict[str, Any]:
    """What stands at the axes of the chart."""
    if not losses:
        return {}
    high = max(one.loss for one in losses) or 1.0
    return {
        "top": words.number(high),
        "zero": words.number(0.0),
        "last": words.count(max(one.step for one in losses)),
        "width": _WIDTH,
        "height": _HEIGHT,
        "left": _LEFT,
        "floor": _HEIGHT - _BELOW,
    }
