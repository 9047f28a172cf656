"""litellm, imported at its first use and without what it does beside answering."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

from quilate.registry import require

_OFFLINE = (
    "LITELLM_LOCAL_MODEL_COST_MAP",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS",
    "LITELLM_LOCAL_AUTOROUTER_PRESETS",
    "LITELLM_LOCAL_BLOG_POSTS",
    "LITELLM_LOCAL_POLICY_TEMPLATES",
)
_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")


@cache
def litellm() -> Any:
    """The module. The first call takes seconds; it fetches nothing, reads no ``.env`` file, and
    leaves the environment and the logging configuration as they were."""
    for name in _OFFLINE:  # read at its first use too, so they stay; nobody else looks at them
        os.environ.setdefault(name, "True")
    with _environment_kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own making, and no user can mend them
        os.environ["LITELLM_MODE"] = "PRODUCTION"  # in its other mode it loads .env files
        module = require("litellm", extra="litellm")
        # It overwrites TIKTOKEN_CACHE_DIR when this is imported: now, while that is undone.
        import_module("litellm.litellm_core_utils.default_encoding")
    # Pydantic's, of types that litellm builds as late as in its first call.
    warnings.filterwarnings("ignore", r".*on TypedDict class .* `ReadOnly`", UserWarning)
    for name in _LOGGERS:  # its own handlers write to stderr whatever the application's logging is
        logger = logging.getLogger(name)
        for handler in list(logger.handlers):
            logger.removeHandler(handler)
    module.suppress_debug_info = True  # it prints to stdout on errors
    module.telemetry = False
    module.drop_params = False
    return module


@contextmanager
def _environment_kept() -> Iterator[None]:
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        for name, value in before.items():
            if os.environ.get(name) != value:
                os.environ[name] = value
