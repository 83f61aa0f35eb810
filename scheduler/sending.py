"""Having a worker do something, from a page or a call that does not wait for it."""

from __future__ import annotations

from functools import partial
from typing import Any

from celery import Task
from django.db import transaction
from kombu.exceptions import OperationalError

from scheduler.errors import QueueUnavailable


class NoBroker(QueueUnavailable):
    """The message to the workers cannot be sent."""


def queue(task: Task, *arguments: Any, **named: Any) -> None:
    """Have a worker do ``task``. Raises :class:`NoBroker`."""
    try:
        # Nobody waits here for a broker that is away.
        task.apply_async(args=arguments, kwargs=named, retry=False)
    except OperationalError as error:
        raise NoBroker(f"the workers cannot be reached: {error}; is Redis running?") from error


def queue_after_commit(task: Task, *arguments: Any, **named: Any) -> None:
    """The same once the transaction that goes on is committed: no worker is quicker than what it needs, none works for what was
    rolled back. Where none goes on, at once. Whoever ends the transaction gets :class:`NoBroker`."""
    transaction.on_commit(partial(queue, task, *arguments, **named))
