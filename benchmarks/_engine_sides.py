"""One engine of `benchmarks.pipeline_scale --engines`, a process of its own: ``ENGINE FILE OUT``.

Every engine calls the same function, the pipeline's row steps on some thousands of rows, and writes
the rows that stay to Parquet. It prints a line of JSON: the seconds from reading to writing, and
the processor's seconds.
"""

import functools
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.pipeline_scale import STEPS

BATCH = 2048
WORKERS = 2


@functools.cache
def row_steps() -> tuple[Any, ...]:
    """The pipeline's steps that look at one row, made once in each process."""
    from quilate.data.uses import use_of

    uses = [use_of(entry, Path.cwd()) for entry in STEPS]
    return tuple(use.step for use in uses if not use.is_dataset_step)


def cleaned(ids: list[str], texts: list[str]) -> list[str | None]:
    """Each row after the steps, as JSON; None where it was dropped."""
    from quilate.data.verdicts import said_of

    rows: list[Any] = [{"id": one, "text": text} for one, text in zip(ids, texts, strict=True)]
    for step in row_steps():
        rows = said_of(rows, step.apply(rows)).apply(rows)
    left = {row["id"]: json.dumps(row, ensure_ascii=False, sort_keys=True) for row in rows}
    return [left.get(one) for one in ids]


def on_pool(file: Path, out: Path) -> None:
    """Quilate's engine of this machine."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from quilate.data.engines import Processes

    schema = pa.schema([("row", pa.large_utf8())])
    engine = Processes(WORKERS)
    with pq.ParquetWriter(out, schema) as writer:
        for kept in engine.map(_cleaned_lines, _batches(file)):
            writer.write_batch(pa.record_batch([pa.array(kept, pa.large_utf8())], schema=schema))
    engine.close()


def _batches(file: Path) -> Iterator[list[bytes]]:
    from itertools import islice

    with file.open("rb") as stream:
        while lines := list(islice(stream, BATCH)):
            yield lines


def _cleaned_lines(lines: list[bytes]) -> list[str]:
    rows = [json.loads(line) for line in lines]
    made = cleaned([row["id"] for row in rows], [row["text"] for row in rows])
    return [one for one in made if one is not None]


def on_daft(file: Path, out: Path) -> None:
    """Daft's native runner, the steps in processes of its own."""
    import daft

    # By its module's name: Daft's processes would look for it in their own __main__.
    from benchmarks._engine_sides import cleaned as work

    text = daft.DataType.string()

    @daft.cls(max_concurrency=WORKERS, use_process=True)
    class Cleaning:
        @daft.method.batch(return_dtype=text, batch_size=BATCH)  # type: ignore[untyped-decorator]
        def rows(self, ids: Any, texts: Any) -> Any:
            return work(ids.to_pylist(), texts.to_pylist())

    frame = daft.read_json(str(file), schema={"id": text, "text": text}, infer_schema=False)
    made = frame.select(Cleaning().rows(frame["id"], frame["text"]).alias("row"))
    made.where(daft.col("row").not_null()).write_parquet(str(out))


def on_polars(file: Path, out: Path) -> None:
    """Polars' streaming engine; Python runs in its one process."""
    import polars as pl

    def batch(frame: Any) -> Any:
        made = cleaned(frame["id"].to_list(), frame["text"].to_list())
        return pl.DataFrame({"row": [one for one in made if one is not None]}, {"row": pl.String})

    frame = pl.scan_ndjson(file, schema={"id": pl.String, "text": pl.String})
    made = frame.map_batches(batch, schema={"row": pl.String}, streamable=True)
    made.sink_parquet(out, engine="streaming")


ENGINES: dict[str, Callable[[Path, Path], None]] = {
    "pool": on_pool,
    "daft": on_daft,
    "polars": on_polars,
}


def main() -> None:
    """Run one engine and print its figures."""
    engine, file, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    began = time.perf_counter()
    ENGINES[engine](file, out)
    seconds = time.perf_counter() - began
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(one.ru_utime + one.ru_stime for one in spent)
    print(json.dumps({"seconds": seconds, "cpu_s": cpu}))


if __name__ == "__main__":
    main()
