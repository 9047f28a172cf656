"""A fit as plain JSON values."""

from dataclasses import asdict
from typing import Any

from quilate.data.tokens.values import Counts, Fit, Packing, Parallel, TokenizerFit


def plain(fit: Fit) -> dict[str, Any]:
    """Everything, the derived figures beside what they come from."""
    return {
        "field": fit.field,
        "rows": fit.rows,
        "empty": fit.empty,
        "guessed_languages": fit.guessed,
        "limited": fit.limited,
        "sample": fit.sample,
        "windows": list(fit.windows),
        "tokenizers": [_tokenizer(one) for one in fit.tokenizers],
        "advice": {"en": fit.advice("en"), "es": fit.advice("es")},
    }


def _tokenizer(one: TokenizerFit) -> dict[str, Any]:
    return {
        "name": one.name,
        "vocabulary": one.vocabulary,
        "around": one.around,
        "total": _counts(one.total),
        "languages": {name: _counts(counts) for name, counts in one.languages.items()},
        "packing": [_packing(window) for window in one.packing],
        "parallel": [_parallel(pairs) for pairs in one.parallel],
        "price": None if one.price is None else asdict(one.price),
        "cost_usd": one.cost,
    }


def _counts(counts: Counts) -> dict[str, Any]:
    lengths = counts.lengths
    return {
        **asdict(counts.text),
        "tokens": counts.tokens,
        "tokens_per_word": counts.per_word,
        "tokens_per_character": counts.per_character,
        "tokens_per_byte": counts.per_byte,
        "whole_words": counts.whole_share,
        "unknown": counts.unknown_share,
        "byte_tokens": counts.byte_share,
        "lengths": {
            "mean": lengths.mean,
            "least": lengths.least,
            "most": lengths.most,
            "quantiles": {f"{share:g}": value for share, value in lengths.quantiles.items()},
            "histogram": [[bar.low, bar.high, bar.rows] for bar in lengths.bars],
        },
        "cuts": [
            {
                "window": cut.window,
                "rows": cut.rows,
                "rows_share": cut.rows / counts.text.rows,
                "tokens": cut.tokens,
                "tokens_share": cut.tokens / max(round(lengths.mean * lengths.rows), 1),
            }
            for cut in counts.cuts
        ],
    }


def _packing(one: Packing) -> dict[str, Any]:
    return {
        **asdict(one),
        "efficiency": one.efficiency,
        "padded_efficiency": one.padded_efficiency,
        "batch_efficiency": one.batch_efficiency,
        "padding_saved": one.padding_saved,
    }


def _parallel(one: Parallel) -> dict[str, Any]:
    return {
        "language": one.language,
        "reference": one.reference,
        "ratio": asdict(one.ratio),
        "pairs": one.of,
    }
