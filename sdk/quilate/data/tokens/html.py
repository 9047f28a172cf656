"""A fit as a fragment of HTML: for the data card, or any page with the reports' style."""

from quilate.data.tokens import chart
from quilate.data.tokens.terminal import heading
from quilate.data.tokens.values import Fit
from quilate.data.tokens.wording import TokenWords
from quilate.reports.pages import render_page
from quilate.reports.strings import language


def fragment(fit: Fit, lang: str | None = None) -> str:
    """Advice, charts and tables, every text escaped. It needs no script, and takes its look from
    the styles ``report.css`` and ``data_card.css``."""
    words = TokenWords(language(lang))
    most = chart.widest(fit)
    tokenizers = [
        (
            one,
            chart.ratio_chart(words, one.languages, most),
            chart.length_chart(words, one.total.lengths, fit.windows),
            max(round(one.total.lengths.mean * one.total.text.rows), 1),
        )
        for one in fit.tokenizers
    ]
    return render_page(
        "token_fit.html.j2",
        styles=(),
        scripts=(),
        fit=fit,
        words=words,
        heading=heading(words, fit),
        advice=fit.advice(words.lang),
        tokenizers=tokenizers,
        chart_height=chart.HEIGHT,
    )
