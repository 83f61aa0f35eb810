"""What the log may drop: rows of records that the tables, a checkpoint and the history have, and that are old enough.

The records themselves stay, without their rows: by their transaction ids a change set that is sent again is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from django.db import transaction
from django.db.models import Max, Sum

from inventory import checkpoint, followers
from inventory.history.archive import Archive, settled
from inventory.history.follower import DROPPED, dropped, position
from inventory.log_models import FollowerPosition, UpdatePart, UpdateRecord

DAY = 86_400
BATCH_RECORDS = 500
"""Records that one transaction drops: on SQLite all other writers wait for it."""

_ASKED = "asked"
_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Limits:
    """Last records that each follower has, and the last that is old enough."""

    tables: int
    checkpoint: int
    history: int
    age: int

    @property
    def last(self) -> int:
        """Up to here rows can go."""
        return min(self.tables, self.checkpoint, self.history, self.age)


def limits(checkpoints: Path, history: Path, keep_days: float, now: int) -> Limits:
    """What can go, with every file of checkpoint and history that it rests on read and checked.

    Rows are as old as the newest record finds them: a clock that jumps ahead of ``now`` makes nothing old.
    Raises HistoryDamaged, HistoryForeign.
    """
    newest = UpdateRecord.objects.order_by("-sequence").values_list("time", flat=True).first()
    now = now if newest is None else min(now, newest)
    old = UpdateRecord.objects.filter(time__lte=now - keep_days * DAY).aggregate(last=Max("sequence"))["last"] or 0
    found = Limits(followers.position(), _good_checkpoint(checkpoints), position(history), old)
    settled(history, lambda archive: _check(archive, dropped(), found.last))
    return found


def _check(archive: Archive, after: int, until: int) -> None:
    for segment in archive.segments:
        if segment.last > after and segment.first <= until:
            segment.check()


def ask(sequence: int) -> None:
    """Have the server write checkpoint and history up to ``sequence`` now."""
    FollowerPosition.objects.update_or_create(pk=_ASKED, defaults={"sequence": sequence})


def asked() -> int:
    """Up to which record somebody wants checkpoint and history."""
    row = FollowerPosition.objects.filter(pk=_ASKED).first()
    return 0 if row is None else row.sequence


def drop(until: int, progress: Callable[[int], None] = lambda sequence: None) -> int:
    """Drop the rows of the records up to ``until``, in short transactions; bytes dropped. Killed, it goes on the next time."""
    total = 0
    while (start := dropped()) < until:
        end = min(until, start + BATCH_RECORDS)
        with transaction.atomic():
            row, _ = FollowerPosition.objects.select_for_update().get_or_create(pk=DROPPED)
            records = UpdateRecord.objects.filter(sequence__gt=row.sequence, sequence__lte=end)
            total += records.aggregate(bytes=Sum("size"))["bytes"] or 0
            UpdatePart.objects.filter(record__in=records).delete()
            row.sequence = max(row.sequence, end)
            row.save()
        progress(end)
    return total


def _good_checkpoint(checkpoints: Path) -> int:
    for path in checkpoint.newest_first(checkpoints):
        try:
            return checkpoint.load(path).version
        except checkpoint.CheckpointDamaged as error:
            _LOG.warning("checkpoint_passed_over", reason=str(error))
    return 0
