"""What can go wrong with the database: how it is told, and which transactions are done again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

import structlog
from django.db import DatabaseError, connection
from django.db.backends.signals import connection_created

from inventory.errors import InventoryError

_LOG = structlog.get_logger(__name__)
_Answer = TypeVar("_Answer")

LEAST_PACKET = 1024 * 1024
"""Bytes of a statement that every part of Dynamo stays below."""

_ATTEMPTS = 5
_REPEAT_SECONDS = 10.0
_IDLE_SECONDS = 60


class DatabaseUnsuitable(InventoryError):
    """The database is set up in a way that would fail later; the text says what to change."""


class Trouble(StrEnum):
    """What is wrong with a database that raised an error, as operators are told."""

    CONFLICT = "other transactions keep the database's rows locked"
    LOST = "the connection to the database was lost"
    AWAY = "the database does not answer"
    READ_ONLY = "the database is read-only"
    FULL = "the database has no space left"
    PACKET = "a statement is larger than the database's max_allowed_packet (16 MiB is right)"
    OTHER = "the database cannot be used"


LASTING = frozenset({Trouble.LOST, Trouble.AWAY, Trouble.READ_ONLY, Trouble.FULL, Trouble.OTHER})
"""What meets the next transaction too."""

PASSING = frozenset(Trouble) - {Trouble.PACKET, Trouble.OTHER}
"""What ends without a change of Dynamo or of its request."""

_NUMBERS = {
    1205: Trouble.CONFLICT, 1213: Trouble.CONFLICT,
    2006: Trouble.LOST, 2013: Trouble.LOST, 2055: Trouble.LOST, 1927: Trouble.LOST, 4031: Trouble.LOST,
    2002: Trouble.AWAY, 2003: Trouble.AWAY, 2005: Trouble.AWAY, 1040: Trouble.AWAY, 1053: Trouble.AWAY,
    1290: Trouble.READ_ONLY, 1792: Trouble.READ_ONLY, 1836: Trouble.READ_ONLY,
    1021: Trouble.FULL, 1114: Trouble.FULL, 1153: Trouble.PACKET, 1301: Trouble.PACKET,
}  # fmt: skip
"""Error numbers of MariaDB and MySQL, servers and client library."""

_TEXTS = {
    "database is locked": Trouble.CONFLICT,
    "readonly database": Trouble.READ_ONLY,
    "disk is full": Trouble.FULL,
    "unable to open": Trouble.AWAY,
    "disk I/O error": Trouble.AWAY,
}
"""What SQLite says."""


def trouble(error: DatabaseError) -> Trouble:
    """The kind of ``error``."""
    number = error.args[0] if error.args else None
    if isinstance(number, int):
        return _NUMBERS.get(number, Trouble.OTHER)
    return next((kind for text, kind in _TEXTS.items() if text in str(error)), Trouble.OTHER)


def reason(error: DatabaseError) -> str:
    """``error`` in words for operators: what is wrong, and what the database says."""
    return f"{trouble(error)}: {error.args[-1] if error.args else error}"


def repeated(work: Callable[[], _Answer], what: str) -> _Answer:
    """The answer of ``work``, a whole transaction: done again, some times, after a deadlock, a lock that did not come
    or a lost connection. Raises DatabaseError when that does not help soon.
    """
    started = time.monotonic()
    for attempt in range(1, _ATTEMPTS):
        try:
            return work()
        except DatabaseError as error:
            late = time.monotonic() - started > _REPEAT_SECONDS
            if late or connection.in_atomic_block or trouble(error) not in (Trouble.CONFLICT, Trouble.LOST):
                raise
            _LOG.warning("database_transaction_repeated", what=what, attempt=attempt, reason=reason(error))
            if trouble(error) is Trouble.LOST:
                reconnect()
            time.sleep(_pause(attempt))
    return work()


def reconnect() -> None:
    """Have the next statement go through a new connection; within a transaction there is no other."""
    if not connection.in_atomic_block:
        connection.close()


def _pause(attempt: int) -> float:
    """Seconds, drawn so that those who met do not meet again."""
    return random.uniform(0, 0.02 * 2**attempt)  # noqa: S311 - no secret


def packet_bytes() -> int:
    """Largest statement, in bytes, that the database takes."""
    if connection.vendor != "mysql":
        return 2**30
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@max_allowed_packet")
        (limit,) = cursor.fetchone()
    return int(limit)


def require_suitable() -> None:
    """Raises DatabaseUnsuitable when statements of Dynamo's would be too large."""
    limit = packet_bytes()
    if limit < LEAST_PACKET:
        raise DatabaseUnsuitable(
            f"max_allowed_packet of the database is {limit} bytes; set it to 16 MiB, at least to {LEAST_PACKET} bytes"
        )


def forget_idle_connections() -> None:
    """Have the database end this process's connections that nothing comes from, and what they were in the middle of:
    should the network fail, nobody else has to wait for the locks of a leader that is not there any more.
    """
    connection_created.connect(_limit_idle_time, dispatch_uid="inventory.database")


def _limit_idle_time(connection: Any, **_: Any) -> None:
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION wait_timeout = %s", [_IDLE_SECONDS])
