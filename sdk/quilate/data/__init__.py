r"""Dataset engineering: rows cleaned, deduplicated, checked against evaluation sets, versioned.

>>> import json, tempfile
>>> from pathlib import Path
>>> folder = Path(tempfile.mkdtemp())
>>> rows = [{"id": str(n), "text": text} for n, text in enumerate(["Hola, Ana.", "Ok", "Adiós."])]
>>> _ = (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
>>> made = pipeline("greetings", "a.jsonl", [{"length": {"min": 4}}], folder=folder)
>>> done = run_pipeline(made, store=folder / ".quilate")
>>> len(done.dataset), done.manifest["steps"][0]["dropped"]
(2, 1)
"""

from quilate.data.files import Rejected, read_rows, write_rows
from quilate.data.pipeline import Finished, Pipeline, load_pipeline, pipeline, run_pipeline
from quilate.data.steps import Add, Change, DatasetStep, Drop, Row, RowStep, Verdicts
from quilate.data.stores import Dataset, Version, dataset_store, open_dataset

__all__ = [
    "Add",
    "Change",
    "Dataset",
    "DatasetStep",
    "Drop",
    "Finished",
    "Pipeline",
    "Rejected",
    "Row",
    "RowStep",
    "Verdicts",
    "Version",
    "dataset_store",
    "load_pipeline",
    "open_dataset",
    "pipeline",
    "read_rows",
    "run_pipeline",
    "write_rows",
]
