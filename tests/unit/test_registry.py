"""What is opened by name or given as it is, and options that nobody would take."""

import pytest

import quilate
from quilate import registry
from quilate.errors import AuthenticationError, ConfigurationError, InvalidRequest, Unsupported
from quilate.middleware.calls import Stored
from quilate.middleware.cassette import MemoryStore
from quilate.models import Capabilities, ask
from quilate.sync import run
from quilate.testing import ScriptedModel


def test_options_for_what_is_made_already():
    with pytest.raises(ConfigurationError, match="api_key"):
        quilate.model(ScriptedModel("x"), api_key="k")
    with pytest.raises(ConfigurationError, match="A function"):
        quilate.model(lambda prompt: "x", nonsense=1)


@pytest.mark.parametrize("given", [{"attempts": 1}, {"unsupported": "warn"}])
def test_a_model_that_is_open_keeps_its_attempts_and_policy(given):
    opened = quilate.model(ScriptedModel("x"))
    assert quilate.model(opened) is opened
    with pytest.raises(ConfigurationError, match="open already"):
        quilate.model(opened, **given)


def test_a_policy_given_at_the_opening_holds_in_a_route():
    plain = ScriptedModel("x", capabilities=Capabilities.declared("stream"))
    lenient = quilate.model(plain, unsupported="warn")
    with pytest.warns(UserWarning, match="seed"):
        assert run(quilate.route([lenient]).generate(ask("?", seed=1))).text == "x"
    with pytest.raises(Unsupported):
        run(quilate.route([plain]).generate(ask("?", seed=1)))


def test_two_addresses():
    for opened in (quilate.model, quilate.embedder, quilate.reranker):
        with pytest.raises(ConfigurationError, match="Leave one"):
            opened("openai/m@http://127.0.0.1:1/v1", base_url="http://127.0.0.1:2/v1")


@pytest.mark.parametrize("half", ["127.0.0.1:8080/v1", "localhost:8080", "box:80/v1", "[::1]:80"])
def test_an_address_without_its_scheme_is_no_part_of_a_name(half):
    with pytest.raises(ConfigurationError, match=r"is no URL.*http://"):
        quilate.model(f"openai/m@{half}")
    assert quilate.model("openai/@cf/meta/m").info.name == "openai/@cf/meta/m"
    assert quilate.model("openai/m@20240229").info.name == "openai/m@20240229"


def test_what_is_asked_in_another_form_is_told_how_to_ask():
    model = quilate.model("scripted/x")
    with pytest.raises(InvalidRequest, match=r"temprature.*temperature"):
        model.ask("?", temprature=0)
    with pytest.raises(InvalidRequest, match="list is no request"):
        model.ask([{"role": "user", "content": "?"}])


def plain(name, *, base_url, key=None):
    raise AssertionError("not to be called")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"base_ulr": "x"}, "has no option 'base_ulr'. Did you mean 'base_url'?"),
        ({"base_url": "x", "zzz": 1}, "has no option 'zzz'. Known: base_url, key."),
        ({"key": "x"}, "needs base_url. Give base_url=… or @URL after the name."),
    ],
)
def test_options_that_do_not_fit_are_told_by_name(options, said):
    with pytest.raises(ConfigurationError) as caught:
        registry.call(plain, "The provider 'plain'", "x", **options)
    assert str(caught.value) == f"The provider 'plain' {said}"
    with pytest.raises(ConfigurationError, match="has no option 'temprature'"):
        registry.model("scripted/x", temprature=1)


@pytest.mark.parametrize("option", ["base_url", "api_key"])
@pytest.mark.parametrize("given", [5, b"http://127.0.0.1:9/v1"])
def test_addresses_and_keys_are_texts(option, given):
    for name in ("openai/x", "anthropic/x", "ollama/x", "litellm/openai/x"):
        with pytest.raises(ConfigurationError, match=f"{option} is no text") as caught:
            registry.model(name, **{option: given})
        assert str(given) not in str(caught.value)
    with pytest.raises(ConfigurationError, match="base_url is no text"):
        registry.embedder("openai/x", base_url=5)


@pytest.mark.parametrize("given", ["tools", None, 5, {"tools": False}])
def test_capabilities_are_a_list_of_names(given):
    for name in ("openai/x", "anthropic/x", "ollama/x", "litellm/openai/x"):
        with pytest.raises(ConfigurationError, match="is no list of names"):
            registry.model(name, base_url="http://127.0.0.1:9/v1", capabilities=given)
    with pytest.raises(ConfigurationError, match="no option 'dimensions'"):
        registry.model("ollama/x", dimensions=3)


@pytest.mark.parametrize("option", ["make", "what", "name"])
def test_no_option_collides_with_our_own_arguments(option):
    with pytest.raises(ConfigurationError):
        registry.model("openai/x", **{option: "y"})


@pytest.mark.parametrize("name", ["", " ", "my quality", "a\nb", "\x1b[31mred", 5])
def test_a_name_of_an_evaluator_is_one_word(name):
    with pytest.raises(ConfigurationError, match="without spaces"):
        registry.evaluator("exact_match", name=name)


def test_a_stored_model_is_ready_without_a_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    model = registry.model("openai/gpt-5-mini")
    with pytest.raises(AuthenticationError):
        model.check_ready()
    Stored(model, MemoryStore()).check_ready()
