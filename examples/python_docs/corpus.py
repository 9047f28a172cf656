"""The corpus of the example: the docstrings of the running interpreter's standard library.

One passage for each public module, function, class and method of `MODULES`; the identifier of a
passage is its qualified name, such as ``collections.Counter.most_common``.

    python corpus.py corpus.jsonl
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

Kind = Literal["module", "function", "class", "method"]
Document = dict[str, Any]

MODULES = (
    "argparse",
    "bisect",
    "calendar",
    "collections",
    "configparser",
    "contextlib",
    "copy",
    "csv",
    "datetime",
    "decimal",
    "difflib",
    "enum",
    "fnmatch",
    "fractions",
    "functools",
    "glob",
    "gzip",
    "hashlib",
    "heapq",
    "html",
    "itertools",
    "json",
    "math",
    "pathlib",
    "pickle",
    "random",
    "re",
    "secrets",
    "shelve",
    "shlex",
    "shutil",
    "sqlite3",
    "statistics",
    "string",
    "struct",
    "subprocess",
    "tempfile",
    "textwrap",
    "threading",
    "time",
    "urllib.parse",
    "uuid",
    "zipfile",
)
