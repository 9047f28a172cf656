"""Whether an answer names the right option of a multiple-choice question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quilate.errors import DataError
from quilate.evals.choices import choices_of
from quilate.evaluators import Metric, Output, Sample, Score
from quilate_evaluators.choice.replies import named
from quilate_evaluators.options import no_metadata
from quilate_evaluators.text import answer_text


@dataclass(frozen=True, slots=True)
class MultipleChoice:
    """1 when the answer names the right option by its label or its text, 0 when another.

    The options are ``metadata.choices`` of the sample (see `quilate.evals.choices.choices_of`),
    the right ones those that its references name, by label or text. An answer that gives two
    options as its answer is wrong; one that names none, or mentions several without choosing, has
    no score: coverage shows how many there are. See `named` for how a reply is read.

    >>> from quilate import sync
    >>> sample = Sample("1", "2 + 2?", ("4",), metadata={"choices": ["3", "4"]})
    >>> sync.run(MultipleChoice().evaluate(sample, Output("The answer is (b).")))[0].value
    1.0
    """

    name: str = "multiple_choice"
    metrics: tuple[Metric, ...] = (Metric("multiple_choice", "The answer names the right option."),)
    needs: frozenset[str] = frozenset({"references"})

    def misfit(self, samples: Sequence[Sample]) -> str | None:
        """That no sample has options."""
        return no_metadata(samples, "choices")

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score; an error for a sample whose options cannot be used or whose references name
        none of them."""
        if not sample.references:
            return [Score.unscored("multiple_choice", "the sample has no references")]
        if "choices" not in sample.metadata:
            return [Score.unscored("multiple_choice", "the sample has no choices")]
        try:
            choices = choices_of(sample)
        except DataError as error:
            return [Score.error("multiple_choice", str(error))]
        right = _right(sample.references, choices)
        if not right:
            reason = "the sample's references name none of its choices"
            return [Score.error("multiple_choice", reason)]
        found = named(answer_text(output), choices)
        return [_score(found.labels, found.committed, right, output)]


def _score(
    labels: tuple[str, ...], committed: bool, right: frozenset[str], output: Output
) -> Score:
    listed = ", ".join(labels)
    if len(labels) == 1:
        return Score.of("multiple_choice", labels[0] in right, explanation=f"names {listed}")
    if not labels:
        abstains = output.abstained or _abstains(output.text)
        reason = "the answer abstains" if abstains else "the answer names none of the choices"
        return Score.unscored("multiple_choice", reason)
    if committed:
        return Score.of("multiple_choice", 0.0, explanation=f"gives several: {listed}")
    reason = "the answer mentions several choices and gives none as its own"
    return Score.unscored("multiple_choice", reason, explanation=f"mentions {listed}")


def _abstains(text: str) -> bool:
    from quilate.retrieval import abstained

    return abstained(text)


def _right(references: tuple[str, ...], choices: Mapping[str, str]) -> frozenset[str]:
    """The labels that the references name. A reference that is an option's text means that
    option, even if it is another's label."""
    found: set[str] = set()
    for reference in references:
        same = " ".join(reference.split()).casefold()
        by_text = {label for label, text in choices.items() if text.casefold() == same}
        found |= by_text or set(named(reference, choices).labels)
    return frozenset(found)
