"""The queue of injections: how fast documents are taken, and how fast a run applies them, small ones in thousands and a large one.

    python -m benchmarks.injections [--datasets N] [--json]

The server is a process of its own over an empty SQLite database in a temporary home, with a Redis for the turn;
BENCHMARK_DATABASE_URL names another database, which has to be empty and is emptied again. Small documents add, in turn, a
block of two files to a dataset that is there and a dataset of their own, as several production systems do. The yardstick is a bare
INSERT with its COMMIT into the same database, or decoding the same JSON.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from typing import Any

from benchmarks.changes import insert
from benchmarks.measuring import Figure, main, seconds
from benchmarks.serving import own_redis, served, set_up

SMALL = 2000
CLIENTS = 4
FILES = 100_000
_EACH_SECOND = 500  # small documents that the queue has to take, and a run to apply
_PER_DOCUMENT = 1000 / _EACH_SECOND
_LARGE_SECONDS = 10.0
_serial = count()


def measure(datasets: int) -> list[Figure]:
    """Queueing by one client and by several, applying, and a document of 100,000 files."""
    _redis()
    set_up()
    return _figures(datasets)


def _figures(datasets: int) -> list[Figure]:
    from benchmarks.generate import generate
    from inventory import client
    from inventory.image import Image
    from inventory.schema import TABLES

    snapshot = generate(datasets)
    known = snapshot.frame("datasets")["name"].sample(min(50, datasets), seed=2).to_list()
    site = str(snapshot.frame("sites")["name"][0])
    image = Image.from_frames({name: snapshot.frame(name) for name in TABLES})
    del snapshot
    with served(image) as server, client.using(server.near):
        del image
        return [*_small_figures(known, site), *_large_figures(site)]


def _small_figures(known: list[str], site: str) -> list[Figure]:
    from registry.injections import apply_waiting

    documents = [_small(known, site) for _ in range(SMALL)]
    half = SMALL // 2
    _queue(documents[0])
    alone = seconds(lambda: _queue(*documents[1:half])) / (half - 1) * 1000
    with ThreadPoolExecutor(CLIENTS) as pool:
        together = seconds(lambda: list(pool.map(_queue, documents[half:]))) / half * 1000
    bare = sum(seconds(insert) for _ in range(50)) / 50 * 1000
    applying = seconds(lambda: _applied(SMALL, apply_waiting)) / SMALL * 1000
    return [
        Figure("queue a small document, one client", "ms", alone, "a bare INSERT", bare, _PER_DOCUMENT),
        Figure(f"queue small documents, {CLIENTS} clients, time per document", "ms", together, "a bare INSERT", bare, _PER_DOCUMENT),
        Figure("apply queued small documents, time per document", "ms", applying, "a bare INSERT", bare, _PER_DOCUMENT),
    ]  # fmt: skip


def _large_figures(site: str) -> list[Figure]:
    from registry.injections import apply_waiting

    document = _document("/Large/Run-v1/RAW", "large", site, FILES)
    text = json.dumps(document)
    decoding = seconds(lambda: json.loads(text))
    queueing = seconds(lambda: _queue(document))
    applying = seconds(lambda: _applied(1, apply_waiting))
    work, yardstick = f"a document of {FILES:,} files", "decoding its JSON"
    return [
        Figure(f"queue {work}", "s", queueing, yardstick, decoding, _LARGE_SECONDS),
        Figure(f"apply {work}", "s", applying, yardstick, decoding, _LARGE_SECONDS),
    ]


def _applied(number: int, apply_waiting: Any) -> None:
    done = 0
    while done < number:
        done += apply_waiting("benchmark")
    from registry.models import Injection

    if refused := Injection.objects.filter(state="refused").first():
        raise RuntimeError(f"{refused}: {refused.reason}")


def _queue(*documents: Any) -> None:
    from registry.asking import Asker
    from registry.injections import queue

    for document in documents:
        queue(Asker("benchmark"), "inject", document)


def _small(known: list[str], site: str) -> Any:
    number = next(_serial)
    dataset = known[number % len(known)] if number % 2 else f"/Bench{number}/Run-v1/RAW"
    return _document(dataset, f"bench{number}", site, 2)


def _document(dataset: str, block: str, site: str, files: int) -> Any:
    rows = [
        {"name": f"/store/bench/{block}/{number}.root", "size": 1000 + number, "adler32": f"{number:08x}", "site": site}
        for number in range(files)
    ]
    return {"dataset": [{"name": dataset, "status": "production", "blocks": [{"name": block, "files": rows}]}]}


@functools.cache
def _redis() -> None:
    """A Redis for as long as this process lives, named to the settings before they are read, which they are once."""
    stack = ExitStack()
    os.environ["REDIS_URL"] = stack.enter_context(own_redis())
    atexit.register(stack.close)


if __name__ == "__main__":
    main(__doc__, measure, datasets=10_000)
