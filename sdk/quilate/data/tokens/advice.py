"""What follows from a fit, in sentences."""

from collections.abc import Iterator

from quilate.data.tokens.measuring import reference_of
from quilate.data.tokens.values import Counts, Fit, Packing, Parallel, TokenizerFit
from quilate.data.tokens.wording import TokenWords
from quilate.reports.strings import language as report_language

_NOTABLE = 1.1  # times as many tokens as another language, from which it is worth saying
_FEW_WHOLE = 0.5
_MANY_BYTES = 0.01
_CUT_LITTLE = 0.01  # of the rows: a window that cuts no more is long enough to train in


def advice(fit: Fit, lang: str | None = None) -> list[str]:
    """The sentences, the comparison of tokenizers first."""
    words = TokenWords(report_language(lang))
    said = list(_compared(words, fit))
    for one in fit.tokenizers:
        for part in (_languages, _losses, _cuts, _packing, _cost):
            said += part(words, one)
    return said


def _compared(words: TokenWords, fit: Fit) -> Iterator[str]:
    if len(fit.tokenizers) < 2:
        return
    best, *others = sorted(fit.tokenizers, key=lambda one: one.total.tokens)
    if not best.total.tokens:
        return
    times = (
        words("times", tokenizer=one.name, ratio=words.ratio(one.total.tokens / best.total.tokens))
        for one in others
    )
    yield words(
        "fewest", best=best.name, tokens=words.count(best.total.tokens), others=", ".join(times)
    )


def _languages(words: TokenWords, one: TokenizerFit) -> Iterator[str]:
    paired = {pairs.language for pairs in one.parallel}
    for pairs in one.parallel:
        if pairs.ratio.value is not None:
            yield _parallel(words, one, pairs)
    reference = reference_of({name: counts.text.rows for name, counts in one.languages.items()})
    for name, counts in one.languages.items():
        if name != reference and name not in paired:
            yield from _unpaired(words, one, name, counts, reference)
        share = counts.whole_share
        if counts.text.spaced and share is not None and share < _FEW_WHOLE:
            yield words(
                "split_words",
                tokenizer=one.name,
                share=words.share(share),
                language=words.named(name),
            )


def _parallel(words: TokenWords, one: TokenizerFit, pairs: Parallel) -> str:
    interval = pairs.ratio.interval
    said = {
        "tokenizer": one.name,
        "ratio": words.ratio(pairs.ratio.value),
        "language": words.named(pairs.language),
        "reference": words.named(pairs.reference),
        "pairs": words.some("pairs", pairs.of),
    }
    if interval is None:
        return words("parallel_bare", **said)
    ends = words.interval(interval.low, interval.high)
    return words("parallel", **said, level=words.percent(interval.level), interval=ends)


def _unpaired(
    words: TokenWords, one: TokenizerFit, name: str, counts: Counts, reference: str
) -> Iterator[str]:
    other = one.languages[reference]
    spaced = counts.text.spaced and other.text.spaced
    mine, theirs = (
        (counts.per_word, other.per_word) if spaced else (counts.per_character, other.per_character)
    )
    if not mine or not theirs or 1 / _NOTABLE < mine / theirs < _NOTABLE:
        return
    yield words(
        "per_word_ratio" if spaced else "per_character_ratio",
        tokenizer=one.name,
        ratio=words.ratio(mine / theirs),
        language=words.named(name),
        reference=words.named(reference),
    )


def _losses(words: TokenWords, one: TokenizerFit) -> Iterator[str]:
    if one.total.unknown:
        share = words.share(one.total.unknown_share)
        yield words("unknown_tokens", tokenizer=one.name, share=share)
    if (one.total.byte_share or 0.0) >= _MANY_BYTES:
        yield words("byte_tokens", tokenizer=one.name, share=words.share(one.total.byte_share))


def _cuts(words: TokenWords, one: TokenizerFit) -> Iterator[str]:
    rows, tokens = one.total.text.rows, round(one.total.lengths.mean * one.total.text.rows)
    for place, cut in enumerate(one.total.cuts):
        window = words.count(cut.window)
        if not cut.rows:
            yield words("not_cut", tokenizer=one.name, window=window)
            return
        yield words(
            "cut",
            tokenizer=one.name,
            rows=words.share(cut.rows / rows),
            window=window,
            tokens=words.share(cut.tokens / tokens),
        )
        yield from _cut_by_language(words, one, place)


def _cut_by_language(words: TokenWords, one: TokenizerFit, place: int) -> Iterator[str]:
    """Languages that a window cuts twice as often as the reference."""
    reference = reference_of({name: counts.text.rows for name, counts in one.languages.items()})
    share = {
        name: counts.cuts[place].rows / counts.text.rows for name, counts in one.languages.items()
    }
    for name in share:
        if share[name] >= _CUT_LITTLE and share[name] > 2 * share[reference]:
            yield words(
                "cut_worse",
                tokenizer=one.name,
                window=words.count(one.total.cuts[place].window),
                rows=words.share(share[name]),
                language=words.named(name),
                others=words.share(share[reference]),
                reference=words.named(reference),
            )


def _packing(words: TokenWords, one: TokenizerFit) -> Iterator[str]:
    chosen = long_enough(one)
    if chosen is None or chosen.rows < 2:
        return
    saved = chosen.padding_saved or 0.0
    yield words(
        "packing" if saved > 0 else "packing_useless",
        tokenizer=one.name,
        window=words.count(chosen.window),
        saved=words.share(saved),
        packed=words.share(chosen.efficiency),
        batch=words.count(chosen.batch),
        padded=words.share(chosen.batch_efficiency),
        whole=words.share(chosen.padded_efficiency),
    )


def long_enough(one: TokenizerFit) -> Packing | None:
    """The shortest window that cuts at most one row in a hundred, else the longest; None where no
    window was asked for."""
    for cut, packing in zip(one.total.cuts, one.packing, strict=True):
        if cut.rows <= _CUT_LITTLE * one.total.text.rows:
            return packing
    return one.packing[-1] if one.packing else None


def _cost(words: TokenWords, one: TokenizerFit) -> Iterator[str]:
    if one.price is None or one.cost is None:
        return
    yield words(
        f"cost_{one.price.basis}",
        tokenizer=one.name,
        cost=words.dollars(one.cost),
        price=words.dollars(one.price.usd_per_million),
        model=one.price.model,
    )
