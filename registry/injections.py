"""Injections and invalidations: documents of metadata, queued and applied in order by a writer run, or at once.

Documents that do not depend on one another go into one change set (see ``batching``); each is applied wholly or not at all.
Safe against dying anywhere: first what follows from a batch is recorded (the copies it wants, in one transaction with
the state of its documents), then its change set is committed under the batch's own transaction id, then they are marked as
applied. The next run finishes what it finds recorded: the id tells whether the commit came through.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from django.db import transaction
from django.db.models.functions import Length
from django.utils import timezone

from inventory import client, injection, log
from inventory.errors import ChangeRefused, InventoryUnavailable, TurnLost
from inventory.injection import Plan
from inventory.injection.document import read_document
from inventory.injection.plan import COUNTED
from inventory.snapshot import Snapshot
from registry import audit
from registry.asking import Asker
from registry.batching import Known, Spoken, leading, shares, spoken_of, together
from registry.errors import Busy, Refused
from registry.models import Injection, InjectionState, WantedCopy
from registry.settings import registry_settings
from scheduler.runs import WriterRun, writer

APPLICATION = "injection"
_OPEN = (InjectionState.QUEUED, InjectionState.RECORDED)
_LARGEST = 8 * 1024 * 1024  # half of what a MariaDB server takes in one statement by default
_COPIES_AT_ONCE = 2000  # wanted copies in one statement
_MOST_TOGETHER = 1000  # documents in one change set
_BYTES_TOGETHER = 512 * 1024  # of their compressed contents


def queue(asker: Asker, kind: str, document: Any) -> Injection:
    """Queue ``document``; refused at once if it is wrong and nothing that waits before it could make it right.

    Counts are those of today's inventory; of a document that others wait before, what it names.
    """
    rows, _ = read_document(
        _object(document), deletion=kind == "delete"
    )  # raises for what no other document can make right
    if Injection.objects.filter(state__in=_OPEN).exists():
        counts = {label: rows[table].height for table, label in COUNTED.items()}
    else:
        counts = dict(_plan(client.snapshot(), kind, document).counts)
    row = _row(asker, kind, document, counts)
    with transaction.atomic():
        row.save()
        audit.record(asker, f"inventory.{kind}", str(row), None, {"counts": counts})
    return row


def apply_now(asker: Asker, kind: str, document: Any) -> Injection:
    """Apply ``document`` in a turn of its own. Raises ChangeRefused, and TurnBusy when the turn does not come in time.

    Raises Busy when the inventory cannot be reached or the turn is lost meanwhile: then the next run applies what is kept.
    """
    row = _row(asker, kind, _object(document), {})
    wait = registry_settings().sync_wait
    with writer(APPLICATION, {"kind": kind}, asker.user, wait=wait, priority=1, service=asker.service) as run:
        plan = _plan(run.snapshot(), kind, document)
        with transaction.atomic():
            row.save()  # in the turn: no other run sees it
            audit.record(asker, f"inventory.{kind}", str(row), None, {"counts": dict(plan.counts)})
        try:
            _carry_out(run, [_Waiting(row, document, Spoken())], plan)
        except ChangeRefused as error:
            _refused(run, row, error)
            raise
        except (InventoryUnavailable, TurnLost) as error:
            raise Busy(
                f"{row} is kept and applied as soon as it can be: look at it, do not send it again; {error}"
            ) from error
    return row


def apply_waiting(author: str = "registry") -> int:
    """Apply what is queued, in order, for as long as one turn may last; how many were ended. No turn is taken for nothing."""
    if not Injection.objects.filter(state__in=_OPEN).exists():
        return 0
    deadline = time.monotonic() + registry_settings().longest_turn
    with writer(APPLICATION, {}, author) as run:
        ended = _finish(run)
        while time.monotonic() < deadline and (rows := _next()):
            ended += _apply_some(run, rows)
        return ended


@dataclass(frozen=True)
class _Waiting:
    """A queued document, read."""

    row: Injection
    document: Mapping[str, Any]
    said: Spoken


def _next() -> list[_Waiting]:
    """The oldest queued documents that one change set may hold: of one kind and author, not too many bytes; at least one."""
    queued = Injection.objects.filter(state=InjectionState.QUEUED).order_by("id")
    about = queued.annotate(bytes=Length("content")).values_list("pk", "bytes", "kind", "user", "service")
    chosen: list[int] = []
    left, source = _BYTES_TOGETHER, None
    for number, size, *others in about[:_MOST_TOGETHER]:
        left -= size
        if chosen and (left < 0 or others != source):
            break
        chosen.append(number)
        source = others
    found = []
    for row in Injection.objects.filter(pk__in=chosen).order_by("id"):
        document = row.document
        found.append(_Waiting(row, document, Spoken() if len(chosen) == 1 else spoken_of(document)))
    return found


def _finish(run: WriterRun) -> int:
    """End what a run that died had recorded: its change set was committed, or is planned anew; how many were ended."""
    ended = 0
    recorded = Injection.objects.filter(state=InjectionState.RECORDED)
    for batch in list(recorded.order_by("batch").values_list("batch", flat=True).distinct()):
        rows = list(recorded.filter(batch=batch).defer("content"))
        commit = log.answered(batch)
        if commit is None:
            recorded.filter(batch=batch).update(state=InjectionState.QUEUED, batch="")
        else:
            _applied(run, rows, commit.version)
            ended += len(rows)
    return ended


def _apply_some(run: WriterRun, waiting: list[_Waiting]) -> int:
    """Apply as many of the documents as can go together, from the first on; how many were ended."""
    kind = waiting[0].row.kind
    if len(waiting) > 1:
        known = Known.of(run.snapshot(), {name for each in waiting for name in each.said.sites_of})
        waiting = waiting[: leading([each.said for each in waiting], known, deletion=kind == "delete")]
    _apply(run, waiting)
    return len(waiting)


def _apply(run: WriterRun, batch: list[_Waiting]) -> None:
    """Apply the documents as one; when that is refused, its halves one after the other, so that only what is wrong is refused."""
    kind = batch[0].row.kind
    document = together([each.document for each in batch], deletion=kind == "delete")
    try:
        plan = _plan(run.snapshot(), kind, document)
        _carry_out(run, batch, plan)
    except ChangeRefused as error:
        if len(batch) == 1:
            _refused(run, batch[0].row, error)
            return
        half = len(batch) // 2
        _apply(run, batch[:half])
        _apply(run, batch[half:])


def _carry_out(run: WriterRun, batch: list[_Waiting], plan: Plan) -> None:
    """Record what the batch comes to, commit it, mark its documents as applied. Raises ChangeRefused."""
    rows = [each.row for each in batch]
    first, last = rows[0].pk, rows[-1].pk
    _record(batch, plan, f"injection-{first}" if len(rows) == 1 else f"injection-{first}-{last}")
    changes = run.changes(rows[0].batch)
    # The run may apply other people's documents; the record names who asked for them.
    changes.author, changes.service = rows[0].user, rows[0].service or APPLICATION
    plan.into(changes)
    version = run.snapshot().version if changes.is_empty() else run.commit(changes).version
    _applied(run, rows, version)


def _plan(snapshot: Snapshot, kind: str, document: Mapping[str, Any]) -> Plan:
    planned = injection.plan if kind == "inject" else injection.plan_deletion
    return planned(snapshot, document, int(time.time()))


def _object(document: Any) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise Refused("body: has to be a JSON object with dataset, site, group or datasetreplica")
    return document


def _row(asker: Asker, kind: str, document: Any, counts: Mapping[str, int]) -> Injection:
    """The row, not saved yet."""
    row = Injection(user=asker.user, service=asker.service, kind=kind, counts=dict(counts), asked=timezone.now())
    row.document = document
    if len(row.content) > _LARGEST:
        raise Refused(f"body: still {len(row.content)} bytes when compressed, of at most {_LARGEST}; send it in parts")
    return row


@transaction.atomic
def _record(batch: list[_Waiting], plan: Plan, name: str) -> None:
    """Note what the batch comes to, and the copies that it wants, before its change set is sent."""
    rows = [each.row for each in batch]
    if len(rows) == 1:
        counts, owners = [dict(plan.counts)], pl.zeros(plan.copies.height, pl.Int64, eager=True)
    else:
        counts, owners = shares(plan, [each.said for each in batch])
    alike: dict[str, list[int]] = defaultdict(list)
    for row, own in zip(rows, counts, strict=True):
        row.state, row.batch, row.counts = InjectionState.RECORDED, name, own
        alike[json.dumps(own)].append(row.pk)
    for text, numbers in alike.items():
        found = Injection.objects.filter(pk__in=numbers)
        found.update(state=InjectionState.RECORDED, batch=name, counts=json.loads(text))
    WantedCopy.objects.filter(injection__in=[row.pk for row in rows]).delete()
    wanted = [
        WantedCopy(injection=rows[owner], **values)
        for owner, values in zip(owners, plan.copies.iter_rows(named=True), strict=True)
    ]
    WantedCopy.objects.bulk_create(wanted, batch_size=_COPIES_AT_ONCE)


def _applied(run: WriterRun, rows: list[Injection], version: int) -> None:
    now = timezone.now()
    for row in rows:
        row.state, row.version, row.ended = InjectionState.APPLIED, version, now
    found = Injection.objects.filter(pk__in=[row.pk for row in rows])
    found.update(state=InjectionState.APPLIED, version=version, ended=now)
    others = "" if len(rows) == 1 else f" to {rows[-1].pk} ({len(rows)})"
    run.log(f"{rows[0]}{others}: applied in version {version}")


@transaction.atomic
def _refused(run: WriterRun, row: Injection, error: ChangeRefused) -> None:
    row.wanted_copies.all().delete()
    row.state, row.reason, row.ended = InjectionState.REFUSED, str(error), timezone.now()
    row.save(update_fields=["state", "reason", "ended"])
    run.log(f"{row}: refused: {row.reason}")
