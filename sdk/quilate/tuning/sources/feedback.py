"""Examples from what people said of answers: ratings, thumbs, and choices between two."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from quilate.errors import ConfigurationError
from quilate.tuning.examples import Judged, Preference
from quilate.tuning.sources.asked import content_key
from quilate.tuning.sources.columns import (
    check_fields,
    column,
    rest_of,
    value_of,
)
from quilate.tuning.sources.rows import REMEDY, made_of
from quilate.tuning.sources.turns import as_completion, as_prompt
from quilate.tuning.sources.values import Gathered, Skipped, Unusable, gathered

_FIELDS = ("id", "prompt", "completion", "chosen", "rejected", "rating", "thumb")
_GOOD = frozenset(("up", "good", "yes", "true", "1", "+1", "like", "positive", "👍", "bien", "sí"))
_BAD = frozenset(("down", "bad", "no", "false", "0", "-1", "dislike", "negative", "👎", "mal"))


def from_feedback(
    rows: Iterable[Mapping[str, Any]],
    *,
    good_from: float | None = None,
    bad_to: float | None = None,
    fields: Mapping[str, str] | None = None,
    name: str = "feedback",
) -> Gathered[Judged | Preference]:
    """Feedback rows as examples.

    ``{prompt, chosen, rejected}`` gives a `Preference`; ``{prompt, response, thumb}`` and
    ``{prompt, response, rating}`` give a `Judged`. A thumb is true or false, ``up`` or ``down``,
    ``good`` or ``bad``, 1 or -1, or the emoji. A rating is a number: from `good_from` on the
    response is good, up to `bad_to` it is bad (without `bad_to`: below `good_from`), and between
    the two it is left out as ``neutral``. Ratings are refused without `good_from`: nobody knows
    your scale.

    Of one response that some found good and others bad, the majority counts; a draw is left out
    (``contradictory``), and so are repetitions (``duplicate``), pairs that are equal (``same``) and
    what `from_rows` leaves out. Raises as `from_rows`.

    >>> found = from_feedback([{"prompt": "Hi", "response": "Hello!", "thumb": "up"}])
    >>> found[0].good
    True
    """
    if good_from is not None and bad_to is not None and not bad_to < good_from:
        raise ConfigurationError(
            f"bad_to is {bad_to:g} and good_from {good_from:g}.",
            remedy="A bad rating is below a good one.",
        )
    mapped = check_fields(fields, _FIELDS)
    limits = (good_from, bad_to)
    made, skipped = made_of(
        rows, mapped, name, lambda row, key, at: _made(row, key, at, mapped, limits, name)
    )
    kept = _settled(made, skipped)
    return gathered(kept, skipped, what="row", remedy=REMEDY)


def _made(
    row: Mapping[str, Any],
    key: str,
    number: int,
    fields: Mapping[str, str],
    limits: tuple[float | None, float | None],
    name: str,
) -> Judged | Preference:
    prompt = as_prompt(value_of(row, "prompt", fields))
    source: dict[str, Any] = {"kind": "feedback", "name": name, "row": number}
    pair = column(row, "chosen", fields), column(row, "rejected", fields)
    if pair != (None, None):
        chosen = as_completion(value_of(row, "chosen", fields))
        rejected = as_completion(value_of(row, "rejected", fields))
        if chosen == rejected:
            raise Unusable("same", "chosen and rejected are equal")
        used = (*pair, *(column(row, one, fields) for one in ("id", "prompt")))
        return Preference(key, prompt, chosen, rejected, metadata=_metadata(source, row, used))
    completion = as_completion(value_of(row, "completion", fields))
    said, good = _verdict(row, fields, limits)
    used = tuple(column(row, one, fields) for one in ("id", "prompt", "completion"))
    metadata = _metadata(source | {said: row[said]}, row, (*used, said))
    return Judged(key, prompt, completion, good, metadata=metadata)


def _metadata(
    source: Mapping[str, Any], row: Mapping[str, Any], used: Iterable[str | None]
) -> dict[str, Any]:
    rest = rest_of(row, used)
    return {"source": dict(source)} | ({"fields": rest} if rest else {})


def _verdict(
    row: Mapping[str, Any], fields: Mapping[str, str], limits: tuple[float | None, float | None]
) -> tuple[str, bool]:
    """The column of the verdict, and whether it is a good one."""
    thumb, rating = column(row, "thumb", fields), column(row, "rating", fields)
    if thumb is not None:
        return thumb, _thumb(row[thumb])
    if rating is None:
        raise Unusable("no_verdict", "it has no rating, no thumb, and no chosen and rejected")
    return rating, _rated(row[rating], *limits)


def _thumb(value: Any) -> bool:
    said = str(int(value) if isinstance(value, bool | float) and value == value else value)
    plain = said.strip().casefold()
    if plain in _GOOD:
        return True
    if plain in _BAD:
        return False
    raise Unusable("unknown_verdict", f"a thumb is up or down, not {value!r:.40}")


def _rated(value: Any, good_from: float | None, bad_to: float | None) -> bool:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise Unusable("unknown_verdict", f"a rating is a number, not {value!r:.40}") from None
    if not math.isfinite(number):
        raise Unusable("unknown_verdict", "the rating is not finite")
    if good_from is None:
        raise ConfigurationError(
            "The rows have ratings, and nothing says which are good.",
            remedy="Give good_from=4, and bad_to=2 to leave out what is between.",
        )
    if number >= good_from:
        return True
    if bad_to is None or number <= bad_to:
        return False
    raise Unusable("neutral", f"{number:g} is neither good nor bad")


def _settled(
    made: Iterable[Judged | Preference], skipped: list[Skipped]
) -> list[Judged | Preference]:
    """One of each: of a pair that was chosen both ways, or a response that was found good and bad,
    what the majority said."""
    votes: dict[str, list[tuple[Judged | Preference, bool]]] = {}
    for one in made:
        if isinstance(one, Judged):
            votes.setdefault(content_key(one.prompt, one.completion), []).append((one, one.good))
        else:
            one_way = content_key(one.prompt, one.chosen, one.rejected)
            turned = content_key(one.prompt, one.rejected, one.chosen)
            votes.setdefault(min(one_way, turned), []).append((one, one_way < turned))
    kept = []
    for said in votes.values():
        good = sum(way for _, way in said)
        if 2 * good == len(said):
            skipped += [
                Skipped(one.id, "contradictory", "as many said so as not") for one, _ in said
            ]
            continue
        won = 2 * good > len(said)
        first = next(one for one, way in said if way == won)
        kept.append(first)
        skipped += [
            Skipped(one.id, "duplicate" if way == won else "outvoted", f"see {first.id}")
            for one, way in said
            if one is not first
        ]
    return kept
