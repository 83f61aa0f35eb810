"""How long a new process takes to open a snapshot, and to the first sum over a column.

    python -m benchmarks.snapshot [--datasets N] [--json]

The server's image directory is on this machine; its files are in the page cache, as after their writing. Each sample is a new
Python process; the time of its imports is shown apart. The yardstick is NumPy reading a file of as many 64-bit numbers and
adding them up, in the same processes.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measuring import Figure, main
from benchmarks.serving import set_up
from inventory.schema import TABLES

_LIMITS = {False: 0.1, True: 0.2}
_LARGE_FROM = 200_000
_SAMPLES = 7
_CHILD = """
import json, sys, time
from pathlib import Path
began = time.perf_counter()
import numpy
import django
from django.conf import settings
settings.configure(INSTALLED_APPS=["inventory"], DATABASES={})
django.setup()
import polars
from inventory.remote import LocalImage
imported = time.perf_counter()
snapshot = LocalImage(Path(sys.argv[1])).snapshot()
opened = time.perf_counter()
total = snapshot.frame("block_replicas", "size")["size"].sum()
summed = time.perf_counter()
asked = snapshot.table("block_replicas").filter(polars.col("complete")).select(polars.len()).collect().item()
queried = time.perf_counter()
plain = int(numpy.fromfile(sys.argv[2], numpy.int64).sum())
read = time.perf_counter()
assert plain == total and asked
print(json.dumps({"import": imported - began, "open": opened - imported, "sum": summed - imported, "query": queried - summed,
                  "plain": read - queried}))
"""


def measure(datasets: int) -> list[Figure]:
    """Seconds of opening, the first sum, and a first query; medians of several processes."""
    set_up()
    from benchmarks.generate import generate
    from inventory.image import Image
    from inventory.store import Store

    snapshot = generate(datasets)
    with tempfile.TemporaryDirectory() as directory:
        numbers = Path(directory) / "numbers"
        numbers.write_bytes(snapshot.frame("block_replicas")["size"].to_numpy().tobytes())
        place = Path(directory) / "image"
        published = Store(place, 1).publish(Image.from_frames({name: snapshot.frame(name) for name in TABLES}))
        del snapshot
        samples = [_sample(place, numbers) for _ in range(_SAMPLES)]
        del published
    found = {name: statistics.median(sample[name] for sample in samples) for name in samples[0]}
    yardstick, plain = "NumPy's sum of a file of as many numbers", found["plain"]
    return [
        Figure("open a snapshot in a new process, first sum over a column", "s", found["sum"], yardstick, plain, _LIMITS[datasets >= _LARGE_FROM]),
        Figure("of this opening", "s", found["open"], yardstick, plain),
        Figure("first query thereafter", "s", found["query"], yardstick, plain),
        Figure("imports of the process, before", "s", found["import"], yardstick, plain),
    ]  # fmt: skip


def _sample(image: Path, numbers: Path) -> dict[str, float]:
    command = [sys.executable, "-c", _CHILD, str(image), str(numbers)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    if done.returncode:
        sys.exit(f"the process that opens a snapshot failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main(__doc__, measure)
