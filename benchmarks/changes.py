"""Change sets against a real inventory server: until they are durable, until readers see them, and how many at a time.

    python -m benchmarks.changes [--datasets N] [--json]

The server is a process of its own over an empty SQLite database in a temporary home; it starts from a checkpoint of
generated data. BENCHMARK_DATABASE_URL names another database, which has to be empty and is emptied again. Small change
sets are of three kinds in turn: a dataset with a block of three files appears, a block arrives at a site, one leaves it.
The yardstick is a bare INSERT with its COMMIT of as many bytes into the same database in the same minute.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from benchmarks.measuring import Figure, main, seconds
from benchmarks.serving import served, set_up
from inventory.schema import TABLES

if TYPE_CHECKING:
    from inventory.changes import ChangeSet
    from inventory.remote import ServerBackend
    from inventory.snapshot import Snapshot

SMALL = 300
"""Small change sets, one after the other."""
SENDERS = 8
_EACH = 40
LARGE_ROWS = 100_000
_LIMITS = {"durable": 30.0, "visible": 100.0, "large": 1.5}
_LIMITS_LARGE = {"durable": 30.0, "visible": 200.0, "large": 2.0}
_LARGE_FROM = 200_000
_serial = count()


def measure(datasets: int) -> list[Figure]:
    """Small ones alone and from several senders, and one of 100,000 block replicas."""
    set_up()
    from benchmarks.generate import generate
    from inventory.image import Image

    snapshot = generate(datasets)
    known = _known(snapshot)
    large = _large(snapshot)
    image = Image.from_frames({name: snapshot.frame(name) for name in TABLES})
    del snapshot
    with served(image) as server:
        del image
        limits = _LIMITS_LARGE if datasets >= _LARGE_FROM else _LIMITS
        figures = _small_figures(server.near, known, limits)
        figures += _many_figures(server.near, known)
        figures += _large_figures(server.near, large, limits)
        print(f"# server's peak memory {server.peak_memory() / 1e6:,.0f} MB", file=sys.stderr)
    return figures


def _small_figures(near: ServerBackend, known: pl.DataFrame, limits: dict[str, float]) -> list[Figure]:
    durable, visible, bare = [], [], []
    draw = np.random.default_rng(7)
    for _ in range(SMALL):
        changes = _small(draw, known)
        started = time.perf_counter()
        commit = near.commit(changes)
        durable.append(time.perf_counter() - started)
        near.snapshot(at_least=commit.version)
        visible.append(time.perf_counter() - started)
        bare.append(seconds(insert))
    figures = []
    for name, share in (("median", 0.5), ("99th percentile", 0.99)):
        yardstick = float(np.quantile(bare, share)) * 1000
        for what, times in (("durable", durable), ("visible", visible)):
            limit = limits[what] if share > 0.5 else None
            value = float(np.quantile(times, share)) * 1000
            figures.append(Figure(f"small change set, {what}, {name}", "ms", value, "a bare INSERT", yardstick, limit))
    return figures


def _many_figures(near: ServerBackend, known: pl.DataFrame) -> list[Figure]:
    """Time per change set when several senders commit at once."""
    sets = [[_small(np.random.default_rng([sender, 3]), known) for _ in range(_EACH)] for sender in range(SENDERS)]

    def send(own: list[ChangeSet]) -> list[float]:
        return [seconds(functools.partial(near.commit, changes)) for changes in own]

    with ThreadPoolExecutor(SENDERS) as pool:
        started = time.perf_counter()
        times = [took for taken in pool.map(send, sets) for took in taken]
        elapsed = time.perf_counter() - started
    bare = float(np.median([seconds(insert) for _ in range(20)])) * 1000
    return [
        Figure(f"small change sets from {SENDERS} senders, time per set", "ms", 1000 * elapsed / len(times), "a bare INSERT", bare),
        Figure(
            f"small change sets from {SENDERS} senders, durable, 99th percentile", "ms",
            1000 * float(np.quantile(times, 0.99)), "a bare INSERT", bare,
        ),
    ]  # fmt: skip


def _large_figures(near: ServerBackend, large: ChangeSet, limits: dict[str, float]) -> list[Figure]:
    rows = large.puts["block_replicas"].height
    started = time.perf_counter()
    commit = near.commit(large)
    durable = time.perf_counter() - started
    near.snapshot(at_least=commit.version)
    visible = time.perf_counter() - started
    while near.status()["lag"]["tables"]:
        # On SQLite the yardstick would wait for the tables.
        time.sleep(0.1)
    bare = seconds(lambda: insert(_size(commit.version)))
    work = f"{rows:,} block replicas in one change set"
    return [
        Figure(f"{work}, durable", "s", durable, "a bare INSERT of as many bytes", bare, limits["large"]),
        Figure(f"{work}, visible", "s", visible, "a bare INSERT of as many bytes", bare),
    ]


def _small(draw: np.random.Generator, known: pl.DataFrame) -> ChangeSet:
    """Now this, now that."""
    number = next(_serial)
    changes = _changes()
    if number % 3 == 0:
        key = {"dataset": f"/Bench{number}/Run-v1/RAW", "block": "b"}
        files = [{**key, "lfn": f"/store/bench/{number}/{place}.root", "size": 1000 + place} for place in range(3)]
        changes.put("datasets", [{"name": key["dataset"]}]).put("blocks", [{"dataset": key["dataset"], "name": "b"}])
        return changes.put("files", files)
    dataset, block, site = known.row(int(draw.integers(known.height)))
    replica = {"dataset": dataset, "block": block, "site": site}
    if number % 3 == 1:
        at_site = [{"dataset": dataset, "site": site}]
        return changes.put("dataset_replicas", at_site).put("block_replicas", [replica])
    return changes.delete("block_replicas", [replica])


def _known(snapshot: Snapshot) -> pl.DataFrame:
    """Some blocks and sites (dataset, block, site), all over the inventory."""
    sites = snapshot.frame("sites")["name"].sample(1000, with_replacement=True, seed=4)
    blocks = (
        snapshot.named("blocks").select("dataset", block="name").collect().sample(1000, with_replacement=True, seed=5)
    )
    return blocks.with_columns(site=sites)


def _large(snapshot: Snapshot) -> ChangeSet:
    """Replicas all over the inventory, of another owner: whole datasets at sites until there are enough."""
    replicas = (
        snapshot.named("dataset_replicas")
        .select("dataset_id", "site_id")
        .collect()
        .sample(fraction=1.0, shuffle=True, seed=3)
    )
    counts = replicas.join(
        snapshot.frame("block_replicas").group_by("dataset_id", "site_id").len(),
        on=["dataset_id", "site_id"],
        maintain_order="left",
    )
    chosen = counts.filter(pl.col("len").cum_sum() <= LARGE_ROWS)
    rows = snapshot.named("block_replicas").join(chosen.lazy(), on=["dataset_id", "site_id"], how="semi")
    named = rows.select("dataset", "block", "site", group=pl.lit("RelVal")).collect()
    return _changes().put("block_replicas", named)


def _changes() -> ChangeSet:
    from inventory.changes import ChangeSet

    return ChangeSet("benchmark", 1)


def insert(size: int = 0) -> None:
    """The yardstick: a row, in pieces where it is large, and its COMMIT."""
    from django.db import transaction

    from inventory.log import PART_BYTES
    from inventory.log_models import UpdatePart, UpdateRecord

    number = -1 - next(_serial)
    fields = {"epoch": 0, "author": "yardstick", "token": 0, "time": 0, "counts": {}, "size": size}
    with transaction.atomic():
        UpdateRecord.objects.create(sequence=number, transaction=str(number), **fields)
        for start in range(0, size, PART_BYTES):
            data = os.urandom(min(PART_BYTES, size - start))
            UpdatePart.objects.create(record_id=number, number=start, data=data)


def _size(version: int) -> int:
    from inventory.log_models import UpdateRecord

    return int(UpdateRecord.objects.values_list("size", flat=True).get(sequence=version))


if __name__ == "__main__":
    main(__doc__, measure)
