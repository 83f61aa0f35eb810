"""What workers run: the cycles of all partitions that the settings name."""

from __future__ import annotations

from celery import shared_task

from dealer.cycle import Options, dealer_settings, run_cycle
from scheduler.schedules import Schedule

SCHEDULES = [Schedule("dealer.cycle", 4 * 3600)]


@shared_task(name="dealer.cycle")
def cycle(partition: str | None = None, author: str = "dealer") -> list[int]:
    """A cycle of ``partition``, or of each that the settings name, in turn; numbers of the cycles."""
    wanted = dealer_settings().partitions if partition is None else (partition,)
    return [run_cycle(name, Options(author)).pk for name in wanted]
