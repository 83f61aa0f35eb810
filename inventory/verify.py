"""Whether everything that follows the log is equal, row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from inventory import checkpoint, client, followers, log
from inventory.errors import InventoryUnavailable, RecordsDropped, VersionGone
from inventory.history.archive import Archive
from inventory.history.asof import bases, image_at
from inventory.history.follower import dropped
from inventory.history.past import Past, directory, settled
from inventory.history.segment import HistoryDamaged
from inventory.image import Image
from inventory.recovery import SourceUnusable, replayed
from inventory.schema import TABLES
from inventory.snapshot import Snapshot

_EXAMPLES = 3


@dataclass(frozen=True)
class Difference:
    """How one table of ``source`` differs from the replayed log: ``lacking`` and ``extra`` rows, with some of them."""

    source: str
    table: str
    lacking: int
    extra: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        where = f"{self.source}, {self.table}: {self.lacking} rows lack or differ, {self.extra} are there instead"
        return "\n".join([where, *(f"    {example}" for example in self.examples)])


@dataclass(frozen=True)
class Verdict:
    """``version`` was compared; ``compared`` sources; ``skipped``: why others were not; ``differences``."""

    version: int
    compared: tuple[str, ...]
    skipped: dict[str, str]
    differences: tuple[Difference, ...]


def verified(checkpoints: Path, progress: Callable[[str], None] = lambda text: None) -> Verdict:
    """Compare image, tables, newest checkpoint and history, each brought to one version by the log, with the log from zero.

    What the log has dropped is taken from the history. ``progress`` is told what is read.
    """
    progress("reading the tables")
    tables = followers.read_tables()
    image, skipped = _image(tables.version)
    version = log.leadership().head if image is None else image.version
    sources: dict[str, Callable[[], Image]] = {"tables": lambda: tables}
    newest = next(iter(checkpoint.newest_first(checkpoints)), None)
    if newest is None:
        skipped["checkpoint"] = "there is none yet"
    else:
        sources["checkpoint"] = lambda: checkpoint.load(newest)
    snapshots: dict[str, Snapshot] = {} if image is None else {"image": image}
    progress("reading the checkpoint")
    read, differences = _brought_to(version, sources)
    snapshots |= read
    progress("replaying the log")
    found, expected = settled(directory(), lambda archive: _from_zero(archive, version, tables, skipped, differences))
    if found is not None:
        snapshots["history"] = found
    progress("comparing")
    differences += _compared(snapshots, expected)
    return Verdict(version, (*snapshots, "log"), skipped, tuple(differences))


def _brought_to(
    version: int, sources: Mapping[str, Callable[[], Image]]
) -> tuple[dict[str, Snapshot], list[Difference]]:
    """The sources at ``version``, and those that cannot be brought there."""
    snapshots: dict[str, Snapshot] = {}
    differences: list[Difference] = []
    for name, load in sources.items():
        try:
            snapshots[name] = replayed(load(), version).snapshot()
        except (SourceUnusable, RecordsDropped, checkpoint.CheckpointDamaged) as error:
            differences.append(Difference(name, "all", 0, 0, (str(error),)))
    return snapshots, differences


def _from_zero(
    now: Archive, version: int, tables: Image, skipped: dict[str, str], differences: list[Difference]
) -> tuple[Snapshot | None, Snapshot]:
    """What the history makes of nothing, as far as it goes, and what the log does. Damage is noted in ``differences``.

    Where its beginning is gone a checkpoint is where they begin; while there is none yet, the tables.
    """
    past = Past.of(now)
    base = Image.from_frames({})
    if past.start:
        try:
            base = next(bases(past, version))
        except VersionGone:
            if tables.version < past.start:
                raise
            base = tables
        skipped["log from zero"] = (
            f"the history begins after record {past.start}; record {base.version} is the beginning"
        )
    differences += [Difference("history", "all", 0, 0, (why,)) for why in (*now.damaged.values(), *_changed(now))]
    if not now.segments:
        skipped["history"] = "there is none yet"
    history = image_at(past, base, version).snapshot() if now.segments else None
    return history, image_at(past, base, version, max(base.version, dropped())).snapshot()


def _changed(now: Archive) -> list[str]:
    """Which files are not what was written."""
    found = []
    for segment in now.segments:
        try:
            segment.check()
        except HistoryDamaged as error:
            found.append(str(error))
    return found


def differences_of(source: str, found: Snapshot, expected: Snapshot) -> list[Difference]:
    """Where ``found`` is not ``expected``."""
    return [
        difference for table in TABLES
        if (difference := _difference(source, table, found.frame(table), expected.frame(table))) is not None
    ]  # fmt: skip


def _compared(snapshots: Mapping[str, Snapshot], expected: Snapshot) -> list[Difference]:
    return [difference for name, found in snapshots.items() for difference in differences_of(name, found, expected)]


def _difference(source: str, table: str, found: pl.DataFrame, expected: pl.DataFrame) -> Difference | None:
    if found.equals(expected):
        return None
    columns = list(TABLES[table].schema)
    lacking = expected.join(found, on=columns, how="anti", nulls_equal=True)
    extra = found.join(expected, on=columns, how="anti", nulls_equal=True)
    examples = [f"should be {row}" for row in lacking.head(_EXAMPLES).rows(named=True)]
    examples += [f"is        {row}" for row in extra.head(_EXAMPLES).rows(named=True)]
    return Difference(source, table, lacking.height, extra.height, tuple(examples or ["rows stand in another order"]))


def _image(at_least: int) -> tuple[Snapshot | None, dict[str, str]]:
    try:
        return client.snapshot(at_least=at_least), {}
    except InventoryUnavailable as error:
        return None, {"image": str(error)}
