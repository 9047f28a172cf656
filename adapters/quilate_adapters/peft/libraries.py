"""The training libraries: loaded when they are first used, offline, and quiet."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from quilate.registry import require

_QUIET = ("transformers", "trl", "peft", "accelerate", "datasets", "huggingface_hub")


def library(name: str) -> Any:
    """A module of the extra ``tuning``, or what `name` says of it after a colon; raises
    `MissingDependency`.

    They read these settings once, when they load: nothing is looked up on a hub, and trl sends
    no telemetry.
    """
    for setting in ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "HF_DATASETS_OFFLINE"):
        os.environ.setdefault(setting, "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # A busy machine must not slow this process by threads that spin.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    module, _, attribute = name.partition(":")
    loaded = require(module, extra="tuning", package=module.partition(".")[0])
    return getattr(loaded, attribute) if attribute else loaded


@contextmanager
def quiet() -> Iterator[None]:
    """While open, the libraries draw no bars and write nothing below an error."""
    library("transformers")
    shown = library("transformers.utils.logging")
    bars = shown.is_progress_bar_enabled()
    loggers = [logging.getLogger(name) for name in _QUIET]
    levels = [logger.level for logger in loggers]
    shown.disable_progress_bar()
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if bars:
            shown.enable_progress_bar()
