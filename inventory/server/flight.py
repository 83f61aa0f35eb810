"""The inventory over Arrow Flight: change sets come in as one stream, tables of a version go out, actions tell and open.

Every call carries the installation's token. Change sets are applied one after the other by one thread, which has the
only database connection; readers never wait for it.
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import structlog
from django.db import DatabaseError, close_old_connections
from pyarrow import flight

from inventory import database
from inventory.changes import ChangeSet
from inventory.errors import InventoryError, InventoryUnavailable, LeadershipLost, VersionGone
from inventory.leader import Leader
from inventory.log import Commit
from inventory.schema import TABLES
from inventory.server import wire
from inventory.server.health import Health
from inventory.snapshot import Snapshot

_LOG = structlog.get_logger(__name__)
_PIN_SECONDS = 900
_AUTHORISATION = "authorization"

Answer = dict[str, Any]


class _TokenCheck(flight.ServerMiddlewareFactory):  # type: ignore[misc]
    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()

    def start_call(self, info: flight.CallInfo, headers: dict[str, list[str]]) -> None:
        """Refuse a call without the token."""
        given = [value for name, values in headers.items() if name.lower() == _AUTHORISATION for value in values]
        if len(given) != 1 or not hmac.compare_digest(str(given[0]).encode(), self._expected):
            _LOG.warning("inventory_call_refused", method=str(info.method))
            raise flight.FlightUnauthenticatedError("the inventory's token is missing or wrong")


class FlightServer(flight.FlightServerBase):  # type: ignore[misc]
    """Serves ``leader`` at ``location``; ``committed`` is called after each commit, ``lost`` when leadership is lost.

    ``health`` is that of the database: while it is known to be away, change sets are refused at once.
    """

    def __init__(
        self, location: str, token: str, leader: Leader, status: Callable[[], Answer],
        committed: Callable[[], None], lost: Callable[[str], None], health: Health | None = None,
    ) -> None:  # fmt: skip
        self._database = health or Health("database")
        self._leader, self._status, self._committed, self._lost = leader, status, committed, lost
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._pins: dict[int, tuple[float, Snapshot]] = {}
        super().__init__(location, middleware={"token": _TokenCheck(token)})

    def do_put(
        self, context: flight.ServerCallContext, descriptor: flight.FlightDescriptor,
        reader: flight.MetadataRecordBatchReader, writer: flight.FlightMetadataWriter,
    ) -> None:  # fmt: skip
        """A change set in pieces of any number; the answer is a commit or why not."""
        pieces = [piece for chunk in reader for piece in chunk.data.column(0).to_pylist()]
        writer.write(self._answer(b"".join(pieces)))

    def do_get(self, context: flight.ServerCallContext, ticket: flight.Ticket) -> flight.RecordBatchStream:
        """All rows of one table of a version that the caller opened."""
        wanted = _asked(ticket.ticket)
        name = wanted.get("table")
        version: Any = wanted.get("version")
        pin = self._pins.get(version)
        if name not in TABLES or pin is None:
            raise flight.FlightServerError(f"VersionGone: no table {name!r} of version {version!r} is open here")
        _, snapshot = pin
        self._pins[version] = (time.monotonic(), snapshot)
        rows = snapshot.frame(name).to_arrow(compat_level=None)
        return flight.RecordBatchStream(rows.unify_dictionaries())

    def do_action(self, context: flight.ServerCallContext, action: flight.Action) -> Iterator[bytes]:
        """``status``; ``open`` a version ({"at_least": …} or {"version": …}) to get tables of."""
        asked = _asked(action.body.to_pybytes())
        if action.type == "status":
            yield json.dumps(self._status()).encode()
        elif action.type == "open":
            yield self._open(asked)
        else:
            raise flight.FlightServerError(f"no action {action.type!r}; there are status, open")

    def close(self) -> None:
        """Let running calls end, refuse new ones."""
        self.shutdown()
        self._writer.shutdown()

    def _answer(self, data: bytes) -> bytes:
        try:
            commit = self._commit_later(wire.unpacked(data)).result()
        except LeadershipLost as error:
            self._lost(str(error))
            return wire.failure(error)
        except InventoryError as error:
            return wire.failure(error)
        self._committed()
        return wire.answer(commit)

    def _commit_later(self, changes: ChangeSet) -> Future[Commit]:
        try:
            return self._writer.submit(self._commit, changes)
        except RuntimeError as error:
            # The thread takes no more work.
            raise InventoryUnavailable(f"the server is ending: {error}") from error

    def _commit(self, changes: ChangeSet) -> Commit:
        started = time.perf_counter()
        self._database.require()
        close_old_connections()
        try:
            commit = self._leader.commit(changes)
        except DatabaseError as error:
            if database.trouble(error) in database.LASTING:
                self._database.failed(error)
            _LOG.error("inventory_commit_failed", transaction=changes.transaction, error=str(error))
            raise InventoryUnavailable(f"{database.reason(error)}; nothing was changed; try again") from error
        except InventoryError as error:
            _LOG.warning(
                "inventory_commit_refused", transaction=changes.transaction, author=changes.author, error=str(error)
            )
            raise
        _LOG.info(
            "inventory_commit", version=commit.version, transaction=commit.transaction, author=changes.author,
            run=changes.run, milliseconds=round(1000 * (time.perf_counter() - started)),
        )  # fmt: skip
        return commit

    def _open(self, asked: Answer) -> bytes:
        old = time.monotonic() - _PIN_SECONDS
        # Other threads open versions meanwhile: a copy of the dictionary is looked through.
        for version in [version for version, (used, _) in self._pins.copy().items() if used < old]:
            self._pins.pop(version, None)
        try:
            snapshot = self._leader.snapshot(asked.get("at_least"), asked.get("version"))
        except (InventoryUnavailable, VersionGone) as error:
            return wire.failure(error)
        # The one that is open already has its tables at hand.
        _, opened = self._pins.get(snapshot.version, (old, snapshot))
        self._pins[snapshot.version] = (time.monotonic(), opened)
        return json.dumps({"version": snapshot.version, "time": snapshot.time}).encode()


def _asked(body: bytes) -> Answer:
    try:
        asked = json.loads(body or b"{}")
    except ValueError as error:
        raise flight.FlightServerError(f"not JSON: {error}") from error
    if not isinstance(asked, dict) or any(
        not isinstance(value, (int, str)) and value is not None for value in asked.values()
    ):
        raise flight.FlightServerError("a JSON object with numbers and texts is expected")
    return asked


def stream_of(data: bytes, piece: int = 1024 * 1024) -> Iterator[pa.RecordBatch]:
    """``data`` as batches of one binary column, for a put."""
    for start in range(0, len(data), piece):
        yield pa.record_batch({"data": [data[start : start + piece]]}, schema=STREAM)


STREAM = pa.schema([("data", pa.binary())])
"""Columns of a put."""
