"""The digest of a function takes in what it names of its author's own code, and no more."""

import importlib
import importlib.util
import json
import os
import subprocess
import sys

import pytest

from quilate.python_code import code_digest

HELPERS = """
import time

DEPTH = 3
STARTED = time.time()


def inner(text):
    return innermost(text) * DEPTH


def innermost(text):
    return text.strip()


def unused(text):
    return text
"""
APP = """
import enum
import functools
import os
from dataclasses import dataclass

import helpers
from helpers import inner as within, DEPTH as deep

SHARE = 0.6
WORDS = {"yes", "no", "perhaps", "never", "always"}
WEIGHTS = {"a": [1, 2], "b": (3,)}
WEIGHTS["c"] = 5
SEEN = {}
HERE = os.path.dirname(__file__)
OTHER = 1


class Kind(enum.Enum):
    SHORT = 1
    LONG = 2


@dataclass
class Settings:
    share: float = 0.5


class Base:
    def mark(self, text):
        return text + "!"


class Bot(Base):
    limit = 7

    def __init__(self, size):
        self.size = size

    def __call__(self, question):
        return self.mark(question)[: self.limit]


bot = Bot(4)


def kept(function):
    @functools.wraps(function)
    def wrapper(question):
        return function(question) + "."

    return wrapper


def helper(text):
    return second(text)


def second(text):
    return text.upper()


def constant(question):
    return question[: int(len(question) * SHARE)]


def sets(question):
    return question if question in WORDS else str(WEIGHTS)


def calls(question):
    return helper(question)


def from_module(question):
    return helpers.inner(question)


def imported(question):
    return within(question) * deep


def times(question):
    return question + str(helpers.STARTED) + HERE


def remembers(question):
    return SEEN.setdefault(question, question)


def classes(question):
    return question + str(Settings()) + Kind.SHORT.name


def asks_bot(question):
    return bot(question)


@kept
def decorated(question):
    return second(question)


@functools.lru_cache
def cached(question):
    return second(question)


def even(number):
    return number == 0 or odd(number - 1)


def odd(number):
    return number != 0 and even(number - 1)


def made(k):
    def answer(question):
        return helper(question) * k

    return answer


closure = made(3)
shout = lambda question: helper(question)
part = functools.partial(made, 3)
NAMES = [
    "constant", "sets", "calls", "from_module", "imported", "times", "remembers", "classes",
    "asks_bot", "bot", "decorated", "cached", "even", "closure", "shout", "part",
]
"""
SEEN_IN = {
    ("app", "SHARE = 0.6", "SHARE = 0.85"): {"constant"},
    ("app", '"perhaps"', '"maybe"'): {"sets"},
    ("app", '"b": (3,)', '"b": (4,)'): {"sets"},
    ("app", 'WEIGHTS["c"] = 5', 'WEIGHTS["c"] = 6'): {"sets"},
    ("app", "text.upper()", "text.lower()"): {
        *("calls", "decorated", "cached", "closure", "shout", "part"),
    },
    ("app", "bot = Bot(4)", "bot = Bot(5)"): {"asks_bot"},
    ("app", 'text + "!"', 'text + "?"'): {"asks_bot", "bot"},
    ("app", "limit = 7", "limit = 8"): {"asks_bot", "bot"},
    ("app", 'function(question) + "."', 'function(question) + ";"'): {"decorated"},
    ("app", "number != 0", "number > 0"): {"even"},
    ("app", "share: float = 0.5", "share: float = 0.6"): {"classes"},
    ("app", "SHORT = 1", "SHORT = 3"): {"classes"},
    ("app", "closure = made(3)", "closure = made(4)"): {"closure"},
    ("app", "partial(made, 3)", "partial(made, 4)"): {"part"},
    ("app", "OTHER = 1", "OTHER = 2\n# More.\nLAST = 3"): set(),
    ("app", "SEEN = {}", "# Answers.\nSEEN = {}"): set(),
    ("helpers", "DEPTH = 3", "DEPTH = 4"): {"from_module", "imported"},
    ("helpers", "text.strip()", "text.rstrip()"): {"from_module", "imported"},
    ("helpers", "    return text\n", "    return text * 2\n"): set(),
}
PRINT = """
import json, sys
sys.path.insert(0, sys.argv[1])
import app
from quilate.python_code import code_digest
before = {name: code_digest(getattr(app, name)) for name in app.NAMES}
app.remembers("once")
app.helpers.STARTED = 0
assert before == {name: code_digest(getattr(app, name)) for name in app.NAMES}
print(json.dumps(before))
"""


def digests(folder, seed="1", **files):
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", PRINT, folder],
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_digest_is_the_same_in_another_process_and_place(tmp_path):
    (tmp_path / "there").mkdir()
    found = [
        digests(tmp_path / place, seed, app=APP, helpers=HELPERS)
        for place, seed in (("", "1"), ("", "2"), ("there", "3"))
    ]
    assert found[0] == found[1] == found[2]
    assert None not in found[0].values()
    assert len(set(found[0].values())) == len(found[0]) - 1  # the lambda does what `calls` does


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory):
    return digests(tmp_path_factory.mktemp("code"), app=APP, helpers=HELPERS)


@pytest.mark.parametrize(("module", "old", "new"), SEEN_IN)
def test_what_changes_a_digest_is_what_the_code_names(module, old, new, unchanged, tmp_path):
    files = {"app": APP, "helpers": HELPERS}
    assert old in files[module]
    changed = digests(tmp_path, **{**files, module: files[module].replace(old, new)})
    differ = {name for name, one in changed.items() if one != unchanged[name]}
    assert differ == SEEN_IN[module, old, new]


def test_code_without_a_file_is_seen_by_its_values():
    def made(share, words):
        text = "def helper(q): return q * SHARE\ndef answer(q): return helper(q), WORDS, HELD"
        functions = {"__name__": "__main__", "SHARE": share, "WORDS": words, "HELD": object()}
        exec(text, functions)
        return code_digest(functions["answer"])

    assert made(1, {"a": {1, 2}}) == made(1, {"a": {2, 1}})
    assert len({made(1, ["a"]), made(2, ["a"]), made(1, ["b"]), made(1, list(range(10**6)))}) == 4


def test_installed_packages_are_not_looked_into():
    yaml = importlib.import_module("yaml")

    def answer(question):
        return yaml.safe_load(question)

    assert code_digest(answer) is not None
    assert code_digest(yaml.YAMLError("odd")) is None
    assert code_digest(len) is None


HEADED = """
MODE = "lenient"
if MODE == "lenient":
    SAY = "1"
else:
    SAY = "0"
for WORD in ["good"]:
    pass
with open(__file__) as FILE:
    pass


def configured(say):
    return lambda cls: cls


@configured(say="1")
class Settings:
    pass


class Prompts:
    class En:
        SAY = "yes"


def answer(question):
    return SAY, WORD, FILE, Settings, Prompts.En.SAY


def other(question):
    return question
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('MODE = "lenient"', 'MODE = "strict"'),
        ('== "lenient"', '!= "lenient"'),
        ('["good"]', '["bad"]'),
        ("open(__file__)", "open(str(__file__))"),
        ('configured(say="1")', 'configured(say="0")'),
        ('SAY = "yes"', 'SAY = "no"'),
    ],
)
def test_what_a_value_stands_under_and_what_stands_in_a_class_is_seen(old, new, tmp_path):
    assert old in HEADED
    found = []
    for name, text in (("one", HEADED), ("two", HEADED.replace(old, new))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "headed.py").write_text(text)
        spec = importlib.util.spec_from_file_location(
            f"headed_{name}", tmp_path / name / "headed.py"
        )
        module = importlib.util.module_from_spec(spec)
        sys.modules[f"headed_{name}"] = module
        spec.loader.exec_module(module)
        found.append((code_digest(module.answer), code_digest(module.other)))
        del sys.modules[f"headed_{name}"]
    assert found[0][0] != found[1][0]
    assert found[0][1] == found[1][1]
