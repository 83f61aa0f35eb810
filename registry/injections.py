"""Injections and invalidations: documents of metadata, queued and applied in order by a writer run, or at once.

Safe against dying anywhere: first what follows from the document is recorded (the copies it wants, in one transaction with
the injection's state), then its change set is committed under the injection's own transaction id, then it is marked as
applied. The next run finishes what it finds recorded: the id tells whether the commit came through.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from inventory import client, injection, log
from inventory.changes import ChangeSet
from inventory.errors import ChangeRefused
from inventory.injection import Plan
from inventory.injection.document import read_document
from inventory.injection.plan import COUNTED
from inventory.snapshot import Snapshot
from registry.errors import Refused
from registry.models import Injection, InjectionState, WantedCopy
from registry.placing import Asker
from registry.settings import registry_settings
from scheduler.runs import WriterRun, writer

APPLICATION = "injection"
_OPEN = (InjectionState.QUEUED, InjectionState.RECORDED)
_LARGEST = 8 * 1024 * 1024  # half of what a MariaDB server takes in one statement by default
_AT_ONCE = 2000  # wanted copies in one statement


def queue(asker: Asker, kind: str, document: Any) -> Injection:
    """Queue ``document``; refused at once if it is wrong and nothing that waits before it could make it right.

    Counts are those of today's inventory; of a document that depends on one that waits, what it names.
    """
    planned: Mapping[str, int] = {}
    try:
        planned = _plan(client.snapshot(), kind, _object(document)).counts
    except ChangeRefused:
        if not Injection.objects.filter(state__in=_OPEN).exists():
            raise
        rows, _ = read_document(document, deletion=kind == "delete")  # raises for what no other document can make right
        planned = {label: rows[table].height for table, label in COUNTED.items()}
    row = _row(asker, kind, document, planned)
    row.save()
    return row


def apply_now(asker: Asker, kind: str, document: Any) -> Injection:
    """Apply ``document`` in a turn of its own. Raises ChangeRefused, and TurnBusy when the turn does not come in time."""
    row = _row(asker, kind, _object(document), {})
    wait = registry_settings().sync_wait
    with writer(APPLICATION, {"kind": kind}, asker.user, wait=wait, priority=1, service=asker.service) as run:
        _carry_out(run, row, _plan(run.snapshot(), kind, document))
    if row.state == InjectionState.REFUSED:
        raise Refused(row.reason)
    return row


def apply_waiting(author: str = "registry") -> int:
    """Apply what is queued, in order, for as long as one turn may last; how many were ended. No turn is taken for nothing."""
    waiting = Injection.objects.filter(state__in=_OPEN).order_by("id").values_list("pk", flat=True)
    if not waiting.exists():
        return 0
    deadline = time.monotonic() + registry_settings().longest_turn
    ended = 0
    with writer(APPLICATION, {}, author) as run:
        for number in list(waiting):
            row = Injection.objects.get(pk=number)
            _apply(run, row)
            run.log(f"{row}: {row.state} {row.reason}")
            ended += 1
            if time.monotonic() > deadline:
                break
    return ended


def _apply(run: WriterRun, row: Injection) -> None:
    if row.state == InjectionState.RECORDED:
        commit = log.answered(row.transaction)
        if commit is not None:
            _applied(row, commit.version)
            return
    try:
        plan = _plan(run.snapshot(), row.kind, row.document)
    except ChangeRefused as error:
        _refused(row, error)
        return
    _carry_out(run, row, plan)


def _carry_out(run: WriterRun, row: Injection, plan: Plan) -> None:
    _record(row, plan)
    changes = _changes(run, row, plan)
    if changes.is_empty():
        _applied(row, run.snapshot().version)
        return
    try:
        commit = run.commit(changes)
    except ChangeRefused as error:
        _refused(row, error)
        return
    _applied(row, commit.version)


def _changes(run: WriterRun, row: Injection, plan: Plan) -> ChangeSet:
    changes = run.changes(row.transaction)
    # The run may apply other people's documents; the record names who asked for each.
    changes.author, changes.service = row.user, row.service or APPLICATION
    return plan.into(changes)


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
def _record(row: Injection, plan: Plan) -> None:
    row.state, row.counts = InjectionState.RECORDED, dict(plan.counts)
    row.save(update_fields=["state", "counts"] if row.pk else None)
    row.wanted_copies.all().delete()
    wanted = [WantedCopy(injection=row, **values) for values in plan.copies.iter_rows(named=True)]
    WantedCopy.objects.bulk_create(wanted, batch_size=_AT_ONCE)


def _applied(row: Injection, version: int) -> None:
    row.state, row.version, row.ended = InjectionState.APPLIED, version, timezone.now()
    row.save(update_fields=["state", "version", "ended"])


@transaction.atomic
def _refused(row: Injection, error: ChangeRefused) -> None:
    row.wanted_copies.all().delete()
    row.state, row.reason, row.ended = InjectionState.REFUSED, str(error), timezone.now()
    row.save(update_fields=["state", "reason", "ended"])
