"""The inventory over Arrow Flight: change sets come in as one stream, tables of a version go out, actions tell and open.

Every call carries the installation's token, or a program's, which only reads. Change sets wait in ``waiting.py`` for the one thread that commits; readers never
wait for it. What waits and what is fetched at a time is bounded, so that memory does not grow with the number of callers.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import structlog
from pyarrow import flight

from inventory.errors import InventoryError, InventoryUnavailable, VersionGone
from inventory.leader import Leader
from inventory.schema import TABLES, empty_frame
from inventory.server import callers, wire
from inventory.server.committing import Committer
from inventory.server.health import Health
from inventory.server.pins import Pins
from inventory.server.spool import SpoolRoom
from inventory.server.waiting import WaitingRoom
from inventory.settings import InventorySettings
from inventory.snapshot import Snapshot

_LOG = structlog.get_logger(__name__)
_OPEN_SECONDS = 9.0
_STREAM_SECONDS = 60.0
_BATCH_ROWS = 65_536

Answer = dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """What the server takes at a time. ``directory``: where change sets that are too large for memory wait."""

    directory: Path
    change_sets: int = InventorySettings.waiting_change_sets
    change_set_bytes: int = InventorySettings.change_set_bytes
    bytes: int = InventorySettings.waiting_bytes
    streams: int = InventorySettings.streams


class FlightServer(flight.FlightServerBase):  # type: ignore[misc]
    """Serves ``leader`` at ``location``; ``published`` is called after each commit, ``lost`` when leadership is lost.

    ``health`` is that of the database: while it is known to be away, change sets are refused at once.
    """

    def __init__(
        self, location: str, token: str, leader: Leader, status: Callable[[], Answer],
        published: Callable[[], None], lost: Callable[[str], None], limits: Limits, health: Health | None = None,
    ) -> None:  # fmt: skip
        self._leader, self._status = leader, status
        self.pins = Pins()
        self._streams = threading.BoundedSemaphore(limits.streams)
        # Programs leave room for the installation's own readers.
        self._program_streams = threading.BoundedSemaphore(max(1, limits.streams // 2))
        committer = Committer(leader, published, lost, health or Health("database"))
        room = SpoolRoom(limits.directory, limits.change_set_bytes, limits.bytes)
        self.waiting = WaitingRoom(committer.commit, committer.publish, limits.change_sets, room)
        super().__init__(location, middleware={callers.NAME: callers.CallerCheck(token)})

    def do_put(
        self, context: flight.ServerCallContext, descriptor: flight.FlightDescriptor,
        reader: flight.MetadataRecordBatchReader, writer: flight.FlightMetadataWriter,
    ) -> None:  # fmt: skip
        """A change set in pieces of any number; the answer is a commit or why not."""
        try:
            with self.waiting.place() as spool:
                for piece in _pieces(reader):
                    spool.add(piece)
                answer = wire.answer(self.waiting.commit(spool))
        except InventoryError as error:
            # A sender hears the answer when it has sent all: what is not taken is not kept either.
            for _ in _pieces(reader):
                pass
            answer = wire.failure(error)
        writer.write(answer)

    def do_get(self, context: flight.ServerCallContext, ticket: flight.Ticket) -> flight.GeneratorStream:
        """All rows of one table of a version that the caller opened, some at a time; of an enumeration the codes."""
        wanted = _asked(ticket.ticket)
        name, version = wanted.get("table"), wanted.get("version")
        try:
            if name not in TABLES or not isinstance(version, int):
                raise VersionGone(f"no table {name!r} of version {version!r}")
            snapshot = self.pins.snapshot(version)
        except VersionGone as error:
            raise flight.FlightServerError(f"VersionGone: {error}") from error
        schema = _codes(empty_frame(name)).to_arrow(compat_level=None).schema
        return flight.GeneratorStream(schema, self._batches(snapshot, name, program=_is_program(context)))

    def do_action(self, context: flight.ServerCallContext, action: flight.Action) -> Iterator[bytes]:
        """``status``; ``open`` a version ({"at_least": …} or {"version": …}) to get tables of, and ``close`` others."""
        asked, program = _asked(action.body.to_pybytes()), _is_program(context)
        if program:
            # It lets go of nothing that others have open: what it opened itself goes when it is not used.
            asked.pop("close", None)
        if action.type == "status" and not program:
            yield json.dumps(self._status()).encode()
        elif action.type == "open":
            yield self._open(asked)
        else:
            raise flight.FlightServerError(f"no action {action.type!r}; there are status, open")

    def close(self) -> None:
        """Let running calls end, refuse new ones."""
        self.shutdown()
        self.waiting.close()

    def _batches(self, snapshot: Snapshot, name: str, *, program: bool) -> Iterator[pa.RecordBatch]:
        # Each stream holds some rows in memory: no more of them than there is room for.
        with _place(self._program_streams) if program else nullcontext(), _place(self._streams):
            for piece in snapshot.pieces(name):
                yield from _codes(piece).to_arrow(compat_level=None).to_batches(max_chunksize=_BATCH_ROWS)

    def _open(self, asked: Answer) -> bytes:
        self.pins.close(asked.get("close") or ())
        self.pins.clean()
        try:
            at_least = max(asked.get("at_least") or 0, self._leader.committed)
            snapshot = self._leader.snapshot(at_least, asked.get("version"), _OPEN_SECONDS)
        except (InventoryUnavailable, VersionGone) as error:
            return wire.failure(error)
        self.pins.open(snapshot)
        return json.dumps({"version": snapshot.version, "time": snapshot.time}).encode()


@contextmanager
def _place(streams: threading.BoundedSemaphore) -> Iterator[None]:
    if not streams.acquire(timeout=_STREAM_SECONDS):
        raise flight.FlightUnavailableError("other readers fetch tables since a minute; try again later")
    try:
        yield
    finally:
        streams.release()


def _is_program(context: flight.ServerCallContext) -> bool:
    return bool(context.get_middleware(callers.NAME).run)


def _pieces(reader: flight.MetadataRecordBatchReader) -> Iterator[bytes]:
    for chunk in reader:
        column = chunk.data.column(0)
        yield from (column[place].as_py() for place in range(len(column)))


def _codes(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(rows[name].to_physical() for name, kind in rows.schema.items() if kind == pl.Enum)


def _asked(body: bytes) -> Answer:
    try:
        asked = json.loads(body or b"{}")
    except ValueError as error:
        raise flight.FlightServerError(f"not JSON: {error}") from error
    if not isinstance(asked, dict) or not all(_is_plain(value) for value in asked.values()):
        raise flight.FlightServerError("a JSON object with numbers, texts and lists of numbers is expected")
    return asked


def _is_plain(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, int) for item in value)
    return value is None or isinstance(value, (int, str))


def stream_of(data: bytes, piece: int = 1024 * 1024) -> Iterator[pa.RecordBatch]:
    """``data`` as batches of one binary column, for a put: no message is much larger than ``piece``."""
    whole = memoryview(data)
    for start in range(0, len(data), piece):
        yield pa.record_batch({"data": [whole[start : start + piece]]}, schema=STREAM)


STREAM = pa.schema([("data", pa.binary())])
"""Columns of a put."""
