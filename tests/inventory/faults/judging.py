"""What must hold after each round, and at the end: everything that follows the log is the log, and nothing else."""

from __future__ import annotations

import io
from pathlib import Path

from inventory import checkpoint, followers, log, remote
from inventory.history.archive import archive
from inventory.history.asof import image_at
from inventory.history.follower import Historian, position
from inventory.history.past import Past
from inventory.image import Image
from inventory.leader import Leader
from inventory.log_models import UpdateRecord
from inventory.recovery import recovered, replayed
from inventory.resolve import resolve
from inventory.schema import TABLES
from inventory.snapshot import Snapshot
from inventory.store import CURRENT, Store
from inventory.verify import differences_of
from tests.inventory.faults import workload
from tests.inventory.faults.journal import Journal, events
from tests.inventory.faults.rounds import Places, lowered
from tests.inventory.faults.schedule import TRANSACTIONS, Schedule


class Judge:
    """Compares with a replay of the log from zero. ``hosts``: places of all servers so far; ``journals``: of all rounds."""

    def __init__(self, schedule: Schedule, journal: Journal) -> None:
        self._schedule, self._journal = schedule, journal
        self._versions = [Image.from_frames({})]
        self._bytes: dict[int, bytes] = {}
        self.read_on()

    def read_on(self) -> None:
        """Replay what the log has got since."""
        for record in log.records_after(self.head.version):
            self._versions.append(self._versions[-1].after(record.delta, record.sequence, record.time))

    @property
    def head(self) -> Image:
        return self._versions[-1]

    def records(self) -> None:
        """The log is in order and whole, and has nothing that was turned away."""
        rows = list(UpdateRecord.objects.order_by("sequence"))
        if [row.sequence for row in rows] != list(range(1, log.leadership().head + 1)):
            self._journal.problem(f"the log has records {[row.sequence for row in rows]}")
        for name in ("epoch", "time"):
            values = [getattr(row, name) for row in rows]
            if values != sorted(values):
                self._journal.problem(f"{name} of the records goes back: {values}")
        known = {f"{self._schedule.seed}-{number}" for number in range(TRANSACTIONS)}
        for row, record in zip(rows, log.records_after(0), strict=True):
            size = sum(len(part.data) for part in row.parts.all())
            if row.counts != record.delta.counts() or row.size != size or row.transaction not in known:
                self._journal.problem(f"record {row.sequence} of {row.transaction} is not whole or not of this log")

    def answers(self, journals: list[Path]) -> None:
        """What was acknowledged is in the log as it was acknowledged."""
        found = {row.transaction: [row.sequence, row.time, row.counts] for row in UpdateRecord.objects.all()}
        for what, *values in (event for path in journals for event in events(path)):
            if what == "acknowledged" and found.get(values[0]) != values[1:]:
                self._journal.problem(f"{values} was acknowledged, the log has {found.get(values[0])}")

    def meaning(self) -> None:
        """Each record is what its change set means to the version before it."""
        next_ids: dict[str, int] = {}
        rows = UpdateRecord.objects.order_by("sequence").values_list("transaction", "sequence", "time")
        for (transaction, sequence, time), record in zip(rows, log.records_after(0), strict=True):
            before = self._versions[sequence - 1]
            changes = workload.change_set(self._schedule.seed, int(transaction.split("-")[1]))
            free = {name: max(first, next_ids.get(name, 1)) for name, first in before.next_ids().items()}
            expected = before.after(resolve(before.snapshot(), changes, time, free), sequence, time)
            self._same(f"what record {sequence} means", expected.snapshot(), sequence)
            next_ids.update(record.delta.next_ids)

    def leaders(self, journals: list[Path]) -> None:
        """Who took the lead at some record wrote all later ones, or somebody who came after."""
        rows = list(UpdateRecord.objects.values_list("sequence", "epoch"))
        for epoch, head in (event[1:] for path in journals for event in events(path) if event[0] == "leads"):
            late = [sequence for sequence, wrote in rows if sequence > head and wrote < epoch]
            if late:
                self._journal.problem(f"records {late} were written by a leader overtaken at {head}")

    def history(self, places: Places, journal: Path | None = None) -> None:
        """The files of the history are the log as far as they go."""
        found = archive(places.history)
        if found.damaged:
            self._journal.problem(f"damaged: {found.damaged}")
        noted = max((event[1] for event in (events(journal) if journal else []) if event[0] == "history"), default=0)
        if found.end(0) < noted:
            self._journal.problem(f"the history had records up to {noted}, it has them up to {found.end(0)}")
        past = Past.of(found)
        sequences = past.records().select("sequence").collect()["sequence"].to_list()
        if sequences != list(range(1, self.head.version + 1)):
            self._journal.problem(f"the history has records {sequences}")
        image = image_at(past, self._versions[0], self.head.version)
        self._same("history", image.snapshot(), self.head.version)

    def tables(self) -> None:
        """The tables are the version that they stand at."""
        tables = followers.read_tables()
        self._same("tables", tables.snapshot(), tables.version)

    def host(self, places: Places, readable: bool) -> None:
        """Checkpoints, each with the tail of the log, and what readers on this host map."""
        for directory in checkpoint.newest_first(places.checkpoints):
            try:
                image = checkpoint.load(directory)
            except checkpoint.CheckpointDamaged as error:
                self._journal.problem(f"checkpoint {directory.name}: {error}")
                continue
            self._same(f"checkpoint {directory.name}", image.snapshot(), image.version)
            tail = replayed(image, self.head.version)
            self._same(f"checkpoint {directory.name} and tail", tail.snapshot(), self.head.version)
        if not readable and _read_after_restart(places):
            self._journal.problem("readers map what a power cut left of the image")
        if readable and (places.image / CURRENT).exists():
            kept = [int(manifest.name.split(".")[0]) for manifest in places.image.glob("[0-9]*.json")]
            self._opened(places, min(kept, default=None))
            self._opened(places, None)

    def kept(self, places: Places, journal: Path) -> None:
        """A checkpoint that was written is there, or a newer one."""
        written = [event[1] for event in events(journal) if event[0] == "checkpoint"]
        newest = [int(path.name) for path in checkpoint.newest_first(places.checkpoints)]
        if written and max(newest, default=0) < max(written):
            self._journal.problem(f"checkpoint {max(written)} was written, there are {newest}")

    def _opened(self, places: Places, version: int | None) -> None:
        found = remote.LocalImage(places.image).snapshot(version=version)
        self._same(f"what readers see of {found.version}", found, found.version)

    def _same(self, what: str, found: Snapshot, version: int) -> None:
        """``found`` is ``version``, byte for byte."""
        if version not in self._bytes:
            self._bytes[version] = canonical(self._versions[version].snapshot())
        if found.version != version or canonical(found) != self._bytes[version]:
            differences = differences_of(what, found, self._versions[version].snapshot())
            told = "; ".join(map(str, differences)) or f"version {found.version} has other bytes"
            self._journal.problem(f"{what} is not version {version}: {told}")


def _read_after_restart(places: Places) -> bool:
    real, remote.boot = remote.boot, lambda: "the next start of the machine"  # type: ignore[attr-defined]
    try:
        return remote.LocalImage(places.image).is_current()
    finally:
        remote.boot = real  # type: ignore[attr-defined]


def canonical(snapshot: Snapshot) -> bytes:
    """All tables as bytes that depend on nothing but their rows, in their order."""
    stream = io.BytesIO()
    for name in TABLES:
        stream.write(name.encode())
        snapshot.frame(name).write_csv(stream, null_value="\\N", quote_style="non_numeric")
    return stream.getvalue()


def judge(schedule: Schedule, hosts: list[tuple[Places, bool]], journals: list[Path], final: bool, path: Path) -> None:
    """The process that looks at what a round left."""
    lowered(schedule)
    journal = Journal(path)
    verdict = Judge(schedule, journal)
    verdict.records()
    verdict.answers(journals)
    verdict.tables()
    for places, readable in hosts:
        verdict.host(places, readable)
    verdict.kept(hosts[-1][0], journals[-1])
    verdict.history(hosts[-1][0], journals[-1])
    verdict.leaders(journals)
    if final:
        _finish(schedule, hosts[-1][0], verdict, journal)
        verdict.answers([path])


def _finish(schedule: Schedule, places: Places, verdict: Judge, journal: Journal) -> None:
    """Lead at the end: everything is sent again, and is there once."""
    row = log.take_lead()
    image, _ = recovered(row.head, places.checkpoints)
    leader = Leader(row.epoch, image, row.next_ids, Store(places.image, 4).publish)
    for number in range(TRANSACTIONS):
        commit = leader.commit(workload.change_set(schedule.seed, number))
        journal.acknowledged(commit.transaction, commit.version, commit.time, commit.counts)
    while followers.follow():
        pass
    writer = checkpoint.Checkpoints(places.checkpoints)
    writer.write(leader.image)
    historian = Historian(places.history)
    while historian.follow(leader.image.version):
        pass
    verdict.read_on()
    verdict.records()
    verdict.tables()
    verdict.host(places, readable=True)
    verdict.history(places)
    for what, version in {"tables": followers.position(), "history": position(places.history),
                          "checkpoint": writer.version, "log": verdict.head.version, "image": leader.image.version}.items():  # fmt: skip
        if version != TRANSACTIONS:
            journal.problem(f"{what} is at {version} after {TRANSACTIONS} change sets")
    if schedule.seed % 5 == 0:
        verdict.meaning()
