"""Asking a run's judge again about answers that it has judged: how steady is it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from quilate.errors import ConfigurationError, ModelError
from quilate.evals.results import Item, Run
from quilate.evaluators import Evaluator
from quilate.judging.judgements import Judgement
from quilate.judging.judges import judge_key, key_of
from quilate.retrievers import Progress


async def ask_again(
    run: Run,
    judgements: Sequence[Judgement],
    metric: str,
    *,
    most: int,
    progress: Progress | None = None,
) -> list[Judgement]:
    """The judgements, `most` of this run's with what the judge says another time: evenly spread,
    for the first may be of one kind.

    The judge is opened from the run's suite file, and each call is made anew: nothing of the
    journal or the cache answers. An answer that the judge fails at is left as it was. Raises
    `ConfigurationError` where the suite is gone or has another judge.
    """
    judge = await _judge(run, metric)
    items = {(i.target, i.sample_id, i.epoch): i for i in run.items}
    mine = [n for n, one in enumerate(judgements) if one.run == run.id and one.item in items]
    wanted = [mine[k * len(mine) // most] for k in range(most)] if most < len(mine) else mine
    found = list(judgements)
    for done, number in enumerate(wanted, 1):
        one = judgements[number]
        value = await _again(run, judge, items[one.item or ("", "", 0)], metric)
        if value is not None:
            found[number] = replace(one, again=value)
        if progress is not None:
            progress(done, len(wanted), f"{metric}, asked again")
    return found


async def _again(run: Run, judge: Evaluator, item: Item, metric: str) -> float | None:
    if item.output is None:
        return None
    try:
        scores = await judge.evaluate(run.samples[item.sample_id], item.output)
    except ModelError:
        return None
    return next((score.value for score in scores if score.metric == metric), None)


async def _judge(run: Run, metric: str) -> Evaluator:
    from quilate.evals.provenance import describe
    from quilate.evals.suite_file import load_suite
    from quilate.middleware.cassette import redacted

    suite = run.provenance.get("suite", {})
    path = suite.get("path")
    if not path or not Path(path).is_file():
        raise ConfigurationError(
            f"The suite of the run {run.id} is not there to ask its judge again.",
            where=path,
            remedy="Leave out --again.",
        )
    loaded = load_suite(path, store=run.store or ".quilate", **suite.get("overrides", {}))
    for evaluator in loaded.evaluators:
        if metric in [one.name for one in evaluator.metrics]:
            if key_of(redacted(await describe(evaluator)), metric) != judge_key(run, metric):
                raise ConfigurationError(
                    f"The judge of '{metric}' is no longer the one that judged the run {run.id}: "
                    "its options, prompts or model have changed.",
                    where=path,
                    remedy="Leave out --again, or run the suite anew and label that.",
                )
            return evaluator
    raise ConfigurationError(f"The suite no longer has an evaluator of '{metric}'.", where=path)
