"""Memory of the inventory's server for each block replica, everything of datasets, blocks and replicas counted, without files.

    python -m benchmarks.memory [--datasets N] [--json]

Counted is what the server needs for the image: its memory that no file backs (of the kernel's ``smaps_rollup``: Anonymous), less
that of a server with an empty inventory in the same run; and all bytes of the image's files, resident or not. They are mapped, and
shared with every reader on the machine. The whole process is shown too: all that is resident (interpreter, libraries, and what is
mapped just now), and the image's files once more. The yardstick is the same rows as plain Arrow columns in memory.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring import Figure, main
from benchmarks.serving import served, set_up
from inventory.schema import TABLES

if TYPE_CHECKING:
    from inventory.image import Image

_LIMITS = {False: 120.0, True: 80.0}
_LARGE_FROM = 200_000


def measure(datasets: int) -> list[Figure]:
    """Bytes for each block replica: what the image needs, and the whole process."""
    set_up()
    from benchmarks.generate import generate
    from inventory.image import Image

    snapshot = generate(datasets)
    frames = {name: snapshot.frame(name) for name in TABLES}
    replicas = frames["block_replicas"].height
    plain = sum(frame.estimated_size() for frame in frames.values()) / replicas
    image = Image.from_frames(frames)
    del snapshot, frames
    gc.collect()
    anonymous, _, empty_files = used(Image.from_frames({}))
    needed, resident, files = used(image)
    yardstick = "the rows as Arrow columns"
    return [
        Figure("memory per block replica", "B", (needed - anonymous + files - empty_files) / replicas, yardstick, plain, limit=_LIMITS[datasets >= _LARGE_FROM]),
        Figure("of these in the image's files", "B", files / replicas, yardstick, plain),
        Figure("whole server process per block replica", "B", (resident + files) / replicas, yardstick, plain),
    ]  # fmt: skip


def used(image: Image) -> tuple[int, int, int]:
    """Bytes of a server of ``image``: of its own without a file behind, resident in all, and of the image's files."""
    with served(image) as server:
        lines = Path(f"/proc/{server.process}/smaps_rollup").read_text().splitlines()[1:]
        sizes = {name: int(rest.split()[0]) * 1024 for name, rest in (line.split(":") for line in lines)}
        return sizes["Anonymous"], sizes["Rss"], stored()


def stored(tables: str = "*") -> int:
    """Bytes of the files of the served image, of some tables."""
    return sum(path.stat().st_size for path in (Path(os.environ["DYNAMO_HOME"]) / "image").glob(f"{tables}-*.arrow"))


if __name__ == "__main__":
    main(__doc__, measure)
