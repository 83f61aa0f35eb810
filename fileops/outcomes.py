"""What an attempt came to: the decision that follows from it (pure), and its record, in bulk and in one transaction."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from fileops import directories, waiting
from fileops.errors import FULL_CODES, PERMANENT_CODES, UNREACHABLE_CODES, Side, StorageError
from fileops.lifecycle import Event, Reason, State
from fileops.models import Attempt, Batch, Operation, Subscription
from fileops.operations import Task
from fileops.settings import FileopsSettings

_CHUNK = 500


@dataclass(frozen=True)
class Outcome:
    """A task that was tried; ``error`` None: it succeeded."""

    task: Task
    started: datetime
    finished: datetime
    error: StorageError | None = None


@dataclass(frozen=True)
class Next:
    """What happens to the subscription: an event, why it is held, and after how many seconds it may be tried again."""

    event: Event
    reason: str = ""
    wait: float = 0.0


def decide(operation: str, error: StorageError, attempts: int, settings: FileopsSettings) -> Next:
    """What follows from the failure of attempt number ``attempts`` (1, 2, …); pure.

    A fault of the destination that does not pass holds the file at once: another source would not help. A fault of the
    source for good goes on with another source at once; everything else after a while, longer each time.
    """
    later = Next(Event.FAILED, wait=min(settings.retry_first * 2 ** min(attempts - 1, 30), settings.retry_longest))
    if error.code == errno.EINVAL:
        return Next(Event.HOPELESS, Reason.BAD_NAME)
    at_destination = error.side is Side.DESTINATION or operation == Operation.DELETE
    if at_destination and error.code in FULL_CODES:
        return Next(Event.HOPELESS, Reason.DESTINATION_FULL)
    if error.code in UNREACHABLE_CODES:
        return later
    # The directory was removed under the copy; the next attempt makes it again.
    if error.code not in PERMANENT_CODES or (at_destination and error.code == errno.ENOENT):
        return later
    if at_destination:
        return Next(Event.HOPELESS, Reason.DESTINATION_REFUSES)
    return Next(Event.FAILED)


@transaction.atomic
def record(outcomes: Sequence[Outcome], settings: FileopsSettings, submitted: dict[int, datetime]) -> None:
    """Write history, move the subscriptions on, let go of them, and queue directories that deletions may have emptied.

    ``submitted``: when each batch was made. A subscription that was cancelled meanwhile stays so.
    """
    rows = _subscriptions([outcome.task.id for outcome in outcomes])
    Attempt.objects.bulk_create([_attempt(outcome, rows, submitted) for outcome in outcomes], batch_size=_CHUNK)
    succeeded = [outcome.task for outcome in outcomes if outcome.error is None]
    waiting.happen(Event.SUCCEEDED, [task.id for task in succeeded], message="")
    for outcome in outcomes:
        if outcome.error is not None:
            _failed(outcome, rows[outcome.task.id].attempts + 1, settings)
    let_go([outcome.task.id for outcome in outcomes])
    deleted = [task for task in succeeded if task.operation == Operation.DELETE]
    directories.queue([(task.destination, task.lfn.rpartition("/")[0]) for task in deleted], "fileops")


@transaction.atomic
def postpone(tasks: Sequence[Task], site: str, settings: FileopsSettings, now: datetime) -> None:
    """Hand back, untried, the files of a site that does not answer."""
    ids = [task.id for task in tasks]
    waiting.happen(Event.POSTPONED, ids, message=f"not tried: {site} does not answer")
    until = now + timedelta(seconds=settings.retry_first)
    for start in range(0, len(ids), _CHUNK):
        Subscription.objects.filter(pk__in=ids[start : start + _CHUNK]).update(not_before=until)
    let_go(ids)


def let_go(ids: Sequence[int]) -> None:
    """The mover has done with these: others may act on the same files."""
    for start in range(0, len(ids), _CHUNK):
        Subscription.objects.filter(pk__in=ids[start : start + _CHUNK]).update(batch=None)


def let_go_settled(claimed: Sequence[Batch]) -> None:
    """Let go what was cancelled or held before anyone began with it."""
    Subscription.objects.filter(batch__in=[batch.pk for batch in claimed]).exclude(state=State.INBATCH).update(
        batch=None
    )


def _subscriptions(ids: Sequence[int]) -> dict[int, Subscription]:
    found: dict[int, Subscription] = {}
    for start in range(0, len(ids), _CHUNK):
        found |= Subscription.objects.in_bulk(list(ids[start : start + _CHUNK]))
    return found


def _failed(outcome: Outcome, attempts: int, settings: FileopsSettings) -> None:
    assert outcome.error is not None  # noqa: S101 - for the type checker
    step = decide(outcome.task.operation, outcome.error, attempts, settings)
    waiting.happen(step.event, [outcome.task.id], step.reason, str(outcome.error))
    until = outcome.finished + timedelta(seconds=step.wait) if step.wait else None
    Subscription.objects.filter(pk=outcome.task.id).update(attempts=F("attempts") + 1, not_before=until)


def _attempt(outcome: Outcome, rows: dict[int, Subscription], submitted: dict[int, datetime]) -> Attempt:
    task, row = outcome.task, rows[outcome.task.id]
    return Attempt(
        subscription=task.id, operation=task.operation, lfn=task.lfn, dataset=row.dataset, source=task.source,
        destination=task.destination, size=task.size, created=row.created, submitted=submitted[task.batch],
        started=outcome.started, finished=outcome.finished, batch=task.batch,
        exit_code=outcome.error.code if outcome.error else 0, message=str(outcome.error or ""),
        side=outcome.error.side if outcome.error else "",
    )  # fmt: skip
