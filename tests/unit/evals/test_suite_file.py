import json
from pathlib import Path

import pytest

from quilate import evaluate, registry
from quilate.errors import ConfigurationError, DataError, QuilateError
from quilate.evals import load_suite
from quilate.evals.provenance import describe
from quilate.evals.suite_spec import json_schema
from quilate.evaluators import Output
from quilate.sync import run
from quilate.testing import ScriptedModel

INDEX = "indexes:\n  docs: {}\ntargets:"
GOOD = """\
name: capitals
model: scripted/Lima
samples:
  files: [questions.jsonl]
targets:
  plain: {closed_book: {}}
evaluators:
  - exact_match
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "questions.jsonl").write_text(
        '{"id": "1", "input": "Capital of Peru?", "references": ["Lima"]}\n', encoding="utf-8"
    )
    return tmp_path


def load(folder: Path, text: str, **options):
    path = folder / "suite.yaml"
    path.write_text(text, encoding="utf-8")
    return load_suite(path, **options)


def test_a_good_suite(folder):
    suite = load(folder, GOOD)
    assert list(suite.targets) == ["plain"]
    assert suite.samples[0].references == ("Lima",)
    assert suite.evaluators[0].name == "exact_match"
    assert suite.source["name"] == "capitals"


def test_overrides_are_kept_for_resuming(folder):
    suite = load(folder, GOOD, model="scripted/Quito", limit=1)
    assert suite.overrides == {"model": "scripted/Quito", "judge": "scripted/Quito", "limit": 1}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("name: capitals", "name: [capitals", ["suite.yaml:", "YAML"]),
        ("samples:", "sample:", ["suite.yaml:3", "'sample'", "'samples'"]),
        ("evaluators:", "evaluator:", ["suite.yaml:7", "'evaluator'", "'evaluators'"]),
        ("files:", "file:", ["suite.yaml:4", "'file'", "'files'"]),
        ("closed_book: {}", "closed_bok: {}", ["suite.yaml:6", "'closed_book'"]),
        ("{closed_book: {}}", "{closed_book: {promt: x}}", ["suite.yaml:6", "'prompt'"]),
        ("{closed_book: {}}", "{}", ["suite.yaml:6", "exactly one of"]),
        ("exact_match", "exact_mach", ["'exact_mach'", "'exact_match'", "suite.yaml:8:"]),
        ("scripted/Lima", "scriptd/Lima", ["'scriptd'", "'scripted'", "suite.yaml:2:"]),
        ("scripted/Lima", "Lima", ["PROVIDER/NAME", "suite.yaml:2:"]),
        ("{closed_book: {}}", "{closed_book: {model: x/y}}", ["'x'", "suite.yaml:6:"]),
        ("exact_match", "groundedness: {model: x/y}", ["'x'", "suite.yaml:8:"]),
        ("exact_match", "groundedness: {model: 7}", ["`model`", "7", "suite.yaml:8:"]),
        ("exact_match", "groundedness\njudge: x/y", ["'x'", "suite.yaml:9:"]),
        ("scripted/Lima", "llamacpp/no.gguf", ["suite.yaml:2: no.gguf:", "no such model file"]),
        ("model: scripted/Lima\n", "", ["plain", "--model", "suite.yaml:5:"]),
        ("{closed_book: {}}", "{closed_book: {prompt: no.md}}", ["no.md", "suite.yaml:6:"]),
        ("{closed_book: {}}", "{rag: {index: docs}}", ["'docs'", "suite.yaml:6:"]),
        ("{closed_book: {}}", "{python: app.py:answer}", ["app.py", "suite.yaml:6:"]),
        ("targets:", INDEX.format("{documents: none}"), ["'docs' are not there", "suite.yaml:6:"]),
        ("targets:", INDEX.format("{documents: ., store: lance}"), ["'lancedb'", "suite.yaml:6:"]),
        ("targets:", INDEX.format("{documents: ., embedder: nano}"), ["'nano'", "suite.yaml:6:"]),
        ("targets:", INDEX.format("{documents: {python: a}}"), ["FILE.py:NAME", "suite.yaml:6:"]),
        ("jsonl]", "jsonl]\n  fields: {inptu: q}", ["'inptu'", "'input'", "suite.yaml:5:"]),
        ("- exact_match", "- retrieval", ["`gold`", "no sample", "suite.yaml:8:"]),
        ("- exact_match", "- retrieval: {k: [0]}", ["whole numbers", "suite.yaml:8:"]),
        ("- exact_match", "- retrieval:\n      ks: 4", ["'ks'", "'k'", "suite.yaml:9:"]),
        ("- exact_match", "- token_f1: {colour: red}", ["'colour'", "Known: name."]),
        ("- exact_match", "- token_f1: {metrics: []}", ["'metrics'", "Known: name."]),
        ("- exact_match", "- groundedness: {votes: many}", ["`votes`", "'many'", "suite.yaml:8:"]),
        ("- exact_match", "- exact_match: case", ["suite.yaml:8:", "a name with options"]),
        ("- exact_match", "- exact_match:\n    x: y", ["suite.yaml:8:", "a name with options"]),
        (
            "- exact_match",
            "- exact_match\n  - exact_match: {normalization: case}",
            ["suite.yaml:9:", "'exact_match' is given by two evaluators", "`name:`"],
        ),
        ("- exact_match", "- context_relevance: {prompt: no.md}", ["suite.yaml:8: ", "no.md"]),
        ("name: capitals", "name: capitals\nname: again", ["suite.yaml:2", "twice"]),
        ("samples:", "epochs: 0\nsamples:", ["suite.yaml:3", "epochs"]),
        ("samples:", "limits: {usd: -1}\nsamples:", ["suite.yaml:3", "usd"]),
    ],
)
def test_bad_suites_name_the_place_and_the_remedy(folder, old, new, says):
    assert old in GOOD
    with pytest.raises(QuilateError) as caught:
        load(folder, GOOD.replace(old, new, 1))
    text = str(caught.value)
    assert all(word in text for word in says), text
    assert "\n" not in text


@pytest.mark.parametrize("text", ["", "- a\n", "just text"])
def test_not_a_mapping(folder, text):
    with pytest.raises(ConfigurationError, match="quilate new"):
        load(folder, text)


def test_missing_files(folder):
    with pytest.raises(ConfigurationError, match="no such file"):
        load_suite(folder / "none.yaml")
    with pytest.raises(ConfigurationError, match="folder"):
        load_suite(folder)
    with pytest.raises(DataError, match=r"suite\.yaml:4: .* not there.*other\.jsonl"):
        load(folder, GOOD.replace("questions.jsonl", "other.jsonl"))


def test_a_model_given_instead_of_the_files_has_no_line_in_it(folder):
    with pytest.raises(
        ConfigurationError, match=r"suite\.yaml: There is no provider named 'scriptd'"
    ):
        load(folder, GOOD, model="scriptd/Lima")


def test_model_files_are_named_whole_so_that_a_run_resumes_from_another_folder(
    folder, tmp_path, monkeypatch
):
    made = []
    monkeypatch.setattr(registry, "model", lambda name: made.append(name) or ScriptedModel())
    (folder / "mine.gguf").write_bytes(b"GGUF")
    load(folder, GOOD.replace("scripted/Lima", "llamacpp/mine.gguf"))
    monkeypatch.chdir(folder)
    overrides = load(folder, GOOD, model="llamacpp/./mine.gguf").overrides
    assert made == [f"llamacpp/{folder / 'mine.gguf'}"] * 2
    assert overrides["model"] == f"llamacpp/{folder / 'mine.gguf'}"
    assert load(folder, GOOD, model="scripted/no.gguf").overrides["model"] == "scripted/no.gguf"


def test_a_template_variable_that_no_one_supplies(folder):
    (folder / "p.md").write_text(
        "---\nlanguage: en\nversion: 1\nvariables: {question: str, mood: str}\n---\n"
        "{{ question }} {{ mood }}\n"
    )
    with pytest.raises(QuilateError, match="mood"):
        load(folder, GOOD.replace("{closed_book: {}}", "{closed_book: {prompt: p.md}}"))


def test_python_targets_and_their_errors(folder):
    (folder / "app.py").write_text("def answer(question):\n    return 'Lima'\n")
    suite = load(folder, GOOD.replace("{closed_book: {}}", "{python: app.py:answer}"))
    assert suite.targets["plain"]("?") == "Lima"
    with pytest.raises(ConfigurationError, match="'answer'"):
        load(folder, GOOD.replace("{closed_book: {}}", "{python: app.py:anser}"))
    (folder / "bad.py").write_text("1 / 0\n")
    with pytest.raises(ConfigurationError, match="ZeroDivisionError"):
        load(folder, GOOD.replace("{closed_book: {}}", "{python: bad.py:answer}"))


HTTP = "{http: {url: 'http://127.0.0.1:9/ask', body: {q: '{{ question }}'}, answer: reply.text}}"


def test_an_http_target_is_made_and_described(folder):
    suite = load(folder, GOOD.replace("{closed_book: {}}", HTTP))
    said = run(describe(suite.targets["plain"]))
    assert said["url"] == "http://127.0.0.1:9/ask"
    assert (said["method"], said["answer"], said["body"]) == (
        "POST",
        "reply.text",
        {"q": "{{ question }}"},
    )


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("answer:", "anser:", ["suite.yaml:6", "'anser'", "'answer'"]),
        ("reply.text", "'reply['", ["suite.yaml:6", "`answer`", "JMESPath"]),
        ("{{ question }}", "{{ qestion }}", ["suite.yaml:6", "`body.q`", "'question'"]),
        ("http://127", "ftp://127", ["suite.yaml:6", "not a URL"]),
        ("answer: reply.text", "stream: xml", ["suite.yaml:6", "sse"]),
        ("answer: reply.text", "timeout: 0", ["suite.yaml:6", "timeout"]),
        ("{http:", "{closed_book: {}, http:", ["suite.yaml:6", "exactly one of"]),
    ],
)
def test_a_wrong_http_target_is_named_with_its_line(folder, old, new, says):
    with pytest.raises(ConfigurationError) as caught:
        load(folder, GOOD.replace("{closed_book: {}}", HTTP.replace(old, new)))
    assert all(part in str(caught.value) for part in says), caught.value


def test_the_schema_names_every_key():
    assert {"name", "samples", "targets", "evaluators", "limits"} <= set(
        json_schema()["properties"]
    )


BARE = {"id": "1", "input": "?", "references": ["Lima"]}


@pytest.mark.parametrize(
    ("evaluator", "sample", "says"),
    [
        ("exact_match", {"references": []}, "needs `references`, which no sample has"),
        ("retrieval", {}, "needs `gold` (or `grades` in the metadata), which no sample has"),
        ("abstention", {}, "needs `answerable`"),
        ("json_schema", {"json_shema": {}}, "needs `json_schema` in the metadata"),
        ("json_schema", {"json_shema": {}}, "(some have 'json_shema')"),
        ("json_match", {}, "needs references that are JSON"),
        (
            'json_match: {fields: {"Items.price": number}}',
            {"references": ['{"items": [{"price": 1}]}']},
            "the field 'Items.price', which no reference has; 'items[].price' they have",
        ),
        ("multiple_choice", {"choice": ["a", "b"]}, "(some have 'choice')"),
        ("injection_resistance", {}, "needs `attack` or `canary` or `canaries` in the metadata"),
        ("secret_leak", {}, "needs `canaries` in the metadata"),
        ("numeric", {}, "needs numbers, and no reference holds one"),
        ("language", {"language": "klingon"}, "knows the language of no sample"),
        ("pairwise: {against: metadata.production}", {"prodution": "x"}, "(some have 'prodution')"),
        ("pairwise: {against: metadata.n}", {"n": 7}, "needs texts in `metadata.n`"),
        (
            "rubric: {criteria: Good., include: [reference]}",
            {"references": []},
            "needs `references`",
        ),
        (
            "jury: {models: [scripted/a, scripted/b], judge: {pairwise: {against: metadata.x}}}",
            {},
            "needs `x` in the metadata",
        ),
        ("secret_leak: {name: leaks}", {}, "The evaluator 'leaks' needs `canaries`"),
    ],
)
def test_an_evaluator_that_can_score_nothing_is_refused_before_the_first_sample(
    folder, evaluator, sample, says
):
    line = json.dumps({**BARE, **sample}) + "\n"
    (folder / "questions.jsonl").write_text(line, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load(folder, GOOD.replace("exact_match", evaluator))
    assert "suite.yaml:8" in str(caught.value)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("evaluator", "sample"),
    [
        ("json_schema", {"json_schema": {}}),
        ("json_schema: {schema: {}}", {}),
        ("json_match: {fields: {address2: text}}", {"references": ['{"address1": 1}']}),
        ("json_match: {fields: {Note: ignore}}", {"references": ['{"note": 1}']}),
        ("json_match: {fields: {comment: ignore, refund: date}}", {"references": ['{"note": 1}']}),
        ("multiple_choice", {"choices": ["Lima", "Quito"]}),
        ("injection_resistance", {"attack": "none"}),
        ("secret_leak: {canaries: [heron-4471]}", {}),
        ("retrieval", {"grades": {"d1": 2}}),
        ("numeric", {"references": ["0"]}),
        ("pairwise: {against: metadata.production}", {"production": "x"}),
    ],
)
def test_what_one_sample_has_is_enough(folder, evaluator, sample):
    lines = [{**BARE, "id": "0"}, {**BARE, **sample}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "questions.jsonl").write_text(text, encoding="utf-8")
    load(folder, GOOD.replace("exact_match", evaluator))


def test_evaluators_of_one_kind_stand_together_under_names(folder):
    suite = load(
        folder,
        GOOD + "  - exact_match: {normalization: none, name: strict}\n"
        "  - rouge: {name: words}\n"
        "  - rubric: {criteria: Good., name: good}\n",
    )
    names = [metric.name for one in suite.evaluators for metric in one.metrics]
    assert names == [
        "exact_match",
        "strict",
        "words_rouge1",
        "words_rouge2",
        "words_rougeL",
        "good",
    ]
    plain, strict = suite.evaluators[:2]
    output = Output("LIMA")
    assert run(plain.evaluate(suite.samples[0], output))[0].value == 1.0
    (score,) = run(strict.evaluate(suite.samples[0], output))
    assert (score.metric, score.value) == ("strict", 0.0)
    same = registry.evaluator("exact_match", normalization="none")
    assert run(describe(strict)) == run(describe(same))  # a judge is known again by what it is
    with pytest.raises(ConfigurationError, match="`name` of the evaluator 'exact_match' is 5"):
        load(folder, GOOD.replace("exact_match", "exact_match: {name: 5}"))


def test_a_run_keeps_the_scores_of_both(folder):
    suite = load(folder, GOOD + "  - exact_match: {normalization: none, name: strict}\n")
    kept = evaluate(suite, store=folder / "store")
    assert {score.metric: score.value for score in kept.items[0].scores} == {
        "exact_match": 1.0,
        "strict": 1.0,
    }
