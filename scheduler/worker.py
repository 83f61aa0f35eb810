"""What a worker does besides its tasks: signs of life, taking up what dead workers left, ending its children."""

from __future__ import annotations

import os
import socket
import threading
import time
from dataclasses import dataclass

import redis
import structlog
from celery import signals
from django.db import Error as DatabaseError
from django.db import connection
from kombu.transport.redis import Channel

from scheduler import jobs, life
from scheduler.life import Pulse
from scheduler.reconcile import reconcile
from scheduler.settings import scheduler_settings
from scheduler.tasks import send

SIGN_SECONDS = 10.0
_LOST_AFTER_SECONDS = 45.0
_LOG = structlog.get_logger(__name__)


@dataclass
class _Worker:
    """This process as a worker; ``pulse`` from when it is ready."""

    name: str
    started: int
    pulse: Pulse | None = None

    def give_sign(self) -> None:
        life.give("worker", self.name, _LOST_AFTER_SECONDS, {"since": self.started})


def watch_over_worker() -> None:
    """Connect to Celery's signals; call it in the worker's process before Celery starts."""
    # Else a worker ends when it loses Redis: it tries to give back what it was doing over the connection it just lost.
    # Whatever was not acknowledged comes again after the redelivery time, and jobs are known by their message.
    Channel.do_restore = False
    worker = _Worker(f"{socket.gethostname()}-{os.getpid()}", int(time.time()))

    def ready(**_: object) -> None:
        worker.pulse = Pulse("worker", SIGN_SECONDS, worker.give_sign)
        worker.pulse.start()
        threading.Thread(target=_take_up, name="take-up", daemon=True).start()

    def told_to_end(**_: object) -> None:
        jobs.STOPPING.set()

    def ended(**_: object) -> None:
        if worker.pulse is None:
            return
        worker.pulse.stop()
        try:
            life.end("worker", worker.name)
        except redis.RedisError as error:
            _LOG.warning("Redis does not answer", reason=str(error))

    # Not weak: nothing else holds these functions.
    signals.worker_ready.connect(ready, weak=False)
    signals.worker_shutting_down.connect(told_to_end, weak=False)
    signals.worker_shutdown.connect(ended, weak=False)


def _take_up() -> None:
    """What was interrupted or lost before this worker came; the periodic task finds the rest."""
    try:
        counts = reconcile(scheduler_settings(), send)
        _LOG.info("worker ready", **counts)
    except (DatabaseError, redis.RedisError) as error:
        _LOG.error("worker ready, but what earlier workers left is not taken up yet", reason=str(error))
    finally:
        connection.close()
