"""Files in the image: memory for each, look-ups by LFN, and one file more.

    python -m benchmarks.files [--datasets N] [--json]

There are about 165 files to a dataset; 60,000 datasets, the default, have ten millions. Memory is counted as in ``memory``: what
a server with all files needs beyond one with an empty inventory, less the files of the tables without files; that is for files and
the lists of those present in incomplete replicas. Look-ups go from LFNs to files, blocks, and the block replicas that have them;
the yardstick is a look at all LFNs, kept as text.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import polars as pl

from benchmarks.measuring import Figure, best, main, seconds
from benchmarks.memory import used
from benchmarks.serving import set_up
from inventory.schema import TABLES

if TYPE_CHECKING:
    from inventory.image import Image

DATASETS = 60_000
_MANY = 100_000
_LIMIT = 60.0


def measure(datasets: int) -> list[Figure]:
    """Bytes for each file; seconds of look-ups and of the change of a chunk."""
    set_up()
    from benchmarks.generate import generate
    from inventory.image import Image
    from inventory.snapshot import lfn

    snapshot = generate(datasets, files=True)
    frames = {name: snapshot.frame(name) for name in TABLES}
    del snapshot
    number = frames["files"].height
    plain = sum(frames[name].estimated_size() for name in ("files", "replica_files")) / number
    image = Image.from_frames(frames)
    names = frames.pop("files").lazy().select(lfn()).collect()["lfn"]
    del frames
    gc.collect()
    figures = _looked_up(image, names)
    del names
    gc.collect()
    anonymous, _, _ = used(Image.from_frames({}))
    needed, _, _ = used(image)
    own = sum(_bytes(image, name) for name in ("files", "replica_files"))
    memory = Figure(
        "memory per file", "B", (needed - anonymous + own) / number, "the rows as Arrow columns", plain, limit=_LIMIT
    )
    return [memory, *figures]


def _bytes(image: Image, table: str) -> int:
    return sum(rows.nbytes for rows in image.chunks[table].values())


def _looked_up(image: Image, names: pl.Series) -> list[Figure]:
    from inventory.lookup import located
    from inventory.resolve.delta import Delta

    snapshot = image.snapshot()
    one = names[[len(names) // 2]]
    many = names.sample(min(_MANY, len(names)), seed=1)
    file = snapshot.files_called(one).drop("lfn")
    more = Delta({"files": file.with_columns(file_id=pl.lit(len(names) + 1, pl.UInt64), base_name=pl.lit("new.root"))})
    look = best(lambda: names.filter(names.is_in(one.implode())))
    look_many = best(lambda: names.filter(names.is_in(many.implode())), 1)
    copy = best(lambda: names.to_frame().select(pl.col("lfn").str.len_bytes().sum()))
    return [
        Figure("one LFN to its replicas", "s", best(lambda: located(snapshot, one)), "a look at all LFNs", look),
        Figure(f"{len(many):,} LFNs to their replicas", "s", seconds(lambda: located(snapshot, many)), "a look at all LFNs", look_many),
        Figure("one file more: its chunk anew", "s", best(lambda: image.after(more, 1, 1)), "the lengths of all LFNs", copy),
    ]  # fmt: skip


if __name__ == "__main__":
    main(__doc__, measure, DATASETS)
