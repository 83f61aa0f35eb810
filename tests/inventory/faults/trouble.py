"""What goes wrong, as the product gets to see it."""

from __future__ import annotations

import errno
import os
from typing import Any

from django.db import OperationalError


def no_space() -> Exception:
    """Of a file on a full disk."""
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def database_full(connection: Any) -> Exception:
    """Of a statement when the database has no room."""
    connection.errors_occurred = True
    return OperationalError("database or disk is full")


def lose(connection: Any) -> None:
    """The connection ends, as when the database server or the network between went away."""
    if connection.vendor == "mysql":
        from MySQLdb import connect

        where = connection.get_connection_params()
        other = connect(**{name: where[name] for name in ("host", "port", "user") if name in where})
        other.cursor().execute("KILL CONNECTION %s", (connection.connection.thread_id(),))
        other.close()
        return
    # SQLite has none that could end: it is as if, what was not committed is gone and nothing goes any more.
    connection.connection.rollback()
    connection.is_usable = lambda: False


def require(connection: Any) -> None:
    """Raise OperationalError on a connection that :func:`lose` ended."""
    if connection.vendor == "sqlite" and "is_usable" in vars(connection):
        connection.errors_occurred = True
        raise OperationalError(2006, "Server has gone away")
