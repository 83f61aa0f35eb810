"""The update log: taking the lead, appending records, reading them. Each function is one short database transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import DatabaseError, transaction

from inventory import database
from inventory.changes import ChangeSet
from inventory.errors import ChangeRefused, LeadershipLost, OutcomeUnknown, Problem, RecordsDropped, TurnLost
from inventory.log_models import LEADERSHIP_ROW, Leadership, UpdatePart, UpdateRecord, make_leadership
from inventory.resolve.delta import Delta

PART_BYTES = 4 * 1024 * 1024
"""Largest piece of a record; smaller where the database does not take a statement of twice this, escaped."""

_REST_OF_STATEMENT = 1024


@dataclass(frozen=True)
class Commit:
    """The answer to a change set: ``version`` has it; ``time``: UTC seconds; ``counts``: rows put and deleted by table."""

    version: int
    transaction: str
    time: int
    counts: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A record to be: ``changes`` resolved to ``delta``, with its ``sequence`` number and ``time`` in UTC seconds."""

    changes: ChangeSet
    delta: Delta
    sequence: int
    time: int

    def commit(self) -> Commit:
        """The answer to its sender."""
        return Commit(self.sequence, self.changes.transaction, self.time, self.delta.counts())


@dataclass(frozen=True)
class Record:
    """One record as followers read it."""

    sequence: int
    time: int
    delta: Delta


def leadership() -> Leadership:
    """Who leads, and where the log ends."""
    row = Leadership.objects.filter(pk=LEADERSHIP_ROW).first()
    return row if row is not None else Leadership(pk=LEADERSHIP_ROW)


def take_lead(
    host: str = "", process: int = 0, url: str = "", now: int = 0, last_seen: Leadership | None = None
) -> Leadership:
    """Raise the epoch: from now on nobody else can append.

    With ``last_seen``, the row by which the leader was taken for dead, only if it is still so. Raises LeadershipLost.
    """
    make_leadership()
    with transaction.atomic():
        row = Leadership.objects.select_for_update().get(pk=LEADERSHIP_ROW)
        if last_seen is not None and last_seen.signs() != row.signs():
            raise LeadershipLost(f"the leader of epoch {row.epoch} gives signs of life")
        row.epoch += 1
        row.host, row.process, row.url, row.seen = host, process, url, now
        row.save()
    return row


def sign_of_life(epoch: int, now: int) -> None:
    """Tell that the leader of ``epoch`` lives. Raises LeadershipLost."""
    if not Leadership.objects.filter(pk=LEADERSHIP_ROW, epoch=epoch).update(seen=now):
        raise LeadershipLost(f"epoch {epoch} is over: another inventory server leads")


def resign(epoch: int) -> None:
    """The leader of ``epoch`` ends: the next need not wait for it."""
    Leadership.objects.filter(pk=LEADERSHIP_ROW, epoch=epoch).update(host="", process=0, url="", seen=0)


def answered(transaction_id: str) -> Commit | None:
    """The answer that the change set with this transaction id got, if it was committed."""
    return answers([transaction_id]).get(transaction_id)


def answers(transaction_ids: Iterable[str]) -> dict[str, Commit]:
    """The same for several, by transaction id; those that were not committed are not in it."""
    records = UpdateRecord.objects.filter(transaction__in=list(transaction_ids))
    return {
        record.transaction: Commit(record.sequence, record.transaction, record.time, record.counts)
        for record in records
    }


def append(epoch: int, entries: Sequence[Entry]) -> dict[str, Commit | TurnLost]:
    """Commit ``entries``, whose sequence numbers follow each other, in one transaction: this *is* the change.

    If some may not be written (their transaction id is known, or their token is older than one already seen) nothing is, and
    the answers to these are returned. Raises LeadershipLost when ``epoch`` is not the newest, OutcomeUnknown when the
    database was told to commit and did not answer (see :func:`settled`); after a DatabaseError nothing is written.
    """
    packed = [entry.delta.to_bytes() if entry.delta.tables() else b"" for entry in entries]
    return database.repeated(lambda: _append(epoch, entries, packed), f"append record {entries[0].sequence}")


def settled(epoch: int) -> Leadership:
    """Where the log ends, when no transaction that appends is under way any more. Raises LeadershipLost, DatabaseError.

    The row's lock is what an append has until it is committed or gone, also one whose connection was lost.
    """
    with transaction.atomic():
        return _locked(epoch)


def _locked(epoch: int) -> Leadership:
    row = Leadership.objects.select_for_update().get(pk=LEADERSHIP_ROW)
    if row.epoch != epoch:
        raise LeadershipLost(f"epoch {epoch} is over: epoch {row.epoch} leads")
    return row


def _append(epoch: int, entries: Sequence[Entry], packed: Sequence[bytes]) -> dict[str, Commit | TurnLost]:
    complete = False
    try:
        with transaction.atomic():
            turned_away = _appended(epoch, entries, packed)
            complete = not turned_away
    except DatabaseError as error:
        if complete and database.trouble(error) is not database.Trouble.CONFLICT:
            numbers = " ".join(str(entry.sequence) for entry in entries)
            raise OutcomeUnknown(
                f"{database.reason(error)}; whether record {numbers} is committed is unknown"
            ) from error
        raise
    return turned_away


def _appended(epoch: int, entries: Sequence[Entry], packed: Sequence[bytes]) -> dict[str, Commit | TurnLost]:
    """Write the records within a transaction; or the answers to those that may not be written."""
    row = _locked(epoch)
    turned_away = _turned_away(entries, row.token)
    if turned_away:
        return turned_away
    if row.head != entries[0].sequence - 1:
        raise LeadershipLost(
            f"the log is at {row.head}, not {entries[0].sequence - 1}: another process wrote with this epoch"
        )
    for entry, data in zip(entries, packed, strict=True):
        _write(epoch, entry, data)
        row.next_ids = {**row.next_ids, **entry.delta.next_ids}
    row.head, row.token = entries[-1].sequence, entries[-1].changes.token
    row.save(update_fields=["head", "token", "next_ids"])
    return {}


def _turned_away(entries: Sequence[Entry], token: int) -> dict[str, Commit | TurnLost]:
    found: dict[str, Commit | TurnLost] = {**answers(entry.changes.transaction for entry in entries)}
    for changes in (entry.changes for entry in entries if entry.changes.transaction not in found):
        if changes.token < token:
            text = f"token {changes.token} of run {changes.run!r} is older than {token}, already seen"
            found[changes.transaction] = TurnLost(text)
        token = max(token, changes.token)
    return found


def _write(epoch: int, entry: Entry, data: bytes) -> None:
    changes = entry.changes
    record = UpdateRecord.objects.create(
        sequence=entry.sequence, epoch=epoch, transaction=changes.transaction, author=changes.author,
        service=changes.service, run=changes.run, token=changes.token, time=entry.time, counts=entry.delta.counts(),
        size=len(data),
    )  # fmt: skip
    size = _part_bytes(len(data))
    for number, start in enumerate(range(0, len(data), size)):
        UpdatePart.objects.create(record=record, number=number, data=data[start : start + size])


def _part_bytes(size: int) -> int:
    """Bytes of a record of ``size`` that one statement can take."""
    if 2 * size + _REST_OF_STATEMENT <= database.LEAST_PACKET:
        return PART_BYTES
    return min(PART_BYTES, (database.packet_bytes() - _REST_OF_STATEMENT) // 2)


def records_after(sequence: int, until: int | None = None) -> Iterator[Record]:
    """Records later than ``sequence`` (up to ``until``) in order; one at a time is in memory. Raises RecordsDropped."""
    numbers = UpdateRecord.objects.filter(sequence__gt=sequence).order_by("sequence")
    if until is not None:
        numbers = numbers.filter(sequence__lte=until)
    for number, time, size in list(numbers.values_list("sequence", "time", "size")):
        parts = UpdatePart.objects.filter(record_id=number).order_by("number").values_list("data", flat=True)
        data = b"".join(bytes(part) for part in parts)
        if len(data) != size:
            raise RecordsDropped(
                f"the log has {len(data)} of the {size} bytes of record {number}: `inventory compact` drops what the tables, a "
                "checkpoint and the history have; begin at one of these"
            )
        yield Record(number, time, Delta.from_bytes(data) if data else Delta())


def checked_sender(changes: ChangeSet) -> None:
    """Refuse a change set whose sender's names the log cannot hold. Raises ChangeRefused."""
    limits: Mapping[str, int] = {"author": 150, "service": 150, "run": 64, "transaction": 255}
    problems = [
        Problem(name, f"longer than {limit} characters")
        for name, limit in limits.items()
        if len(getattr(changes, name)) > limit
    ]
    problems += [Problem(name, "is missing") for name in ("author", "transaction") if not getattr(changes, name)]
    if not 0 <= changes.token < 2**63:
        problems.append(Problem("token", f"{json.dumps(changes.token)} is no fencing token"))
    if problems:
        raise ChangeRefused(problems)
