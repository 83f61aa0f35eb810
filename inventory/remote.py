"""The inventory of another process: versions mapped from the image directory of a server on this machine, else by Flight."""

from __future__ import annotations

import contextlib
import fcntl
import json
import random
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from django.db import DatabaseError, connection, transaction
from pyarrow import flight

from inventory import database, log, sending
from inventory.changes import ChangeSet
from inventory.chunked import ChunkedSnapshot
from inventory.errors import (
    ImageUnreadable,
    InventoryBusy,
    InventoryDenied,
    InventoryUnavailable,
    OutcomeUnknown,
    VersionGone,
)
from inventory.fetched import FetchedSnapshot, typed
from inventory.log import Commit
from inventory.packed import PackedRows
from inventory.server import wire
from inventory.server.flight import STREAM, stream_of
from inventory.snapshot import Snapshot
from inventory.store import CURRENT, Pin, boot, committed, read_manifest

_LOCK = "lock"
_CONNECT_SECONDS = 10.0
_COMMIT_SECONDS = 600.0
_WAIT_SECONDS = 10.0
_TRIES = 20
_IDLE_SECONDS = 60.0
_POLL_SECONDS = 0.003
PATIENCE_SECONDS = 120.0
"""A commit waits so long for a place among those that wait."""


class ServerBackend:
    """The inventory server at ``url``; ``image``: its image directory, if it is on this machine."""

    def __init__(self, url: str, token: str, image: Path | None) -> None:
        self._url, self._options = url, [(b"authorization", f"Bearer {token}".encode())]
        self._local = None if image is None else LocalImage(image)
        self._lock = threading.Lock()
        self._committed = 0
        self._released: deque[int] = deque()
        self._client: flight.FlightClient | None = None

    @classmethod
    def from_settings(cls) -> ServerBackend:
        """The installation's server."""
        from django.conf import settings

        return cls(settings.INVENTORY_URL, settings.INVENTORY_TOKEN, settings.INVENTORY_IMAGE_DIR)

    def snapshot(self, at_least: int | None = None, version: int | None = None) -> Snapshot:
        """See ``client.snapshot``; not older than what was committed here: a commit is answered when it is durable, a
        moment before readers see it.
        """
        if version is None:
            at_least = max(at_least or 0, self._committed)
        if self._local is not None and self._local.is_current():
            return self._local.snapshot(at_least, version)
        closed = [self._released.popleft() for _ in range(len(self._released))]
        asked = {"at_least": at_least, "version": version, "close": closed}
        with self._connected(_CONNECT_SECONDS) as (client, options):
            (result,) = client.do_action(flight.Action("open", json.dumps(asked).encode()), options)
        opened = wire.checked(result.body.to_pybytes())
        snapshot = FetchedSnapshot(self.table, opened["version"], opened["time"])
        # Told with the next call: whatever ends the snapshot, nothing waits for the network then.
        weakref.finalize(snapshot, self._released.append, opened["version"])
        return snapshot

    def commit(self, changes: ChangeSet) -> Commit:
        """See ``client.commit``. Must not be called within a transaction of the database: the server writes there too."""
        if connection.in_atomic_block:
            raise transaction.TransactionManagementError(
                "commit to the inventory before or after the transaction, not within"
            )
        data = wire.packed(changes)
        return sending.until_known(lambda: self._sent_when_there_is_room(data))

    def _sent_when_there_is_room(self, data: bytes) -> Commit:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                commit = self._sent(data)
            except InventoryBusy as busy:
                # Not all at the same time again.
                pause = busy.seconds * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
                if time.monotonic() + pause > deadline:
                    raise
                time.sleep(pause)
            else:
                self._committed = max(self._committed, commit.version)
                return commit

    def _sent(self, data: bytes) -> Commit:
        try:
            answer = self._put(data)
        except InventoryUnavailable as error:
            raise sending.lost(error) from error
        if answer is None:
            raise OutcomeUnknown(f"the inventory server at {self._url} gave no answer; send the same again")
        return wire.commit_of(answer.to_pybytes())

    def _put(self, data: bytes) -> pa.Buffer | None:
        """Send a change set; the server's answer to it."""
        with self._connected(_COMMIT_SECONDS) as (client, options):
            writer, answers = client.do_put(flight.FlightDescriptor.for_command(b"commit"), STREAM, options)
            for batch in stream_of(data):
                writer.write_batch(batch)
            writer.done_writing()
            answer = answers.read()
            writer.close()
        return answer

    def status(self) -> dict[str, Any]:
        """See ``client.status``."""
        with self._connected(_CONNECT_SECONDS) as (client, options):
            (result,) = client.do_action(flight.Action("status", b""), options)
        return wire.checked(result.body.to_pybytes())

    def table(self, name: str, version: int) -> pl.DataFrame:
        """All rows of a table of a version that :meth:`snapshot` opened. Raises VersionGone."""
        ticket = flight.Ticket(json.dumps({"table": name, "version": version}).encode())
        with self._connected(_COMMIT_SECONDS) as (client, options):
            return typed(name, client.do_get(ticket, options).read_all())

    @contextmanager
    def _connected(self, seconds: float) -> Iterator[tuple[flight.FlightClient, flight.FlightCallOptions]]:
        """A client and the options of a call; what goes wrong becomes one of the inventory's errors."""
        client = self._current_client()
        try:
            yield client, flight.FlightCallOptions(timeout=seconds, headers=self._options)
        except flight.FlightUnauthenticatedError as error:
            raise InventoryDenied(f"the inventory server at {self._url} refuses this INVENTORY_TOKEN") from error
        except flight.FlightUnauthorizedError as error:
            raise InventoryDenied(f"the inventory server at {self._url}: {str(error).splitlines()[0]}") from error
        except (flight.FlightError, OSError) as error:
            if "VersionGone" in str(error):
                raise VersionGone(str(error).split("VersionGone: ")[-1].splitlines()[0]) from error
            self._forget(client)
            raise InventoryUnavailable(
                f"no answer from the inventory server at {self._url}: {_reason(error)}"
            ) from error

    def _current_client(self) -> flight.FlightClient:
        with self._lock:
            if self._client is None:
                # A pool of its own: a new client does not inherit another's pause after failures.
                self._client = flight.FlightClient(self._url, generic_options=[("grpc.use_local_subchannel_pool", 1)])
            return self._client

    def _forget(self, client: flight.FlightClient) -> None:
        """Connect anew the next time; to the server that leads now, should another have taken over."""
        with self._lock:
            if self._client is client:
                self._client = None
            # Without the database it is looked for where it was.
            with contextlib.suppress(DatabaseError):
                self._url = log.leadership().url or self._url


def _reason(error: Exception) -> str:
    """What went wrong, without what only those who wrote the transport can read."""
    first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
    return first_line.partition(" gRPC client debug context")[0].rstrip(".")


class LocalImage:
    """Versions mapped from the image directory of a server on this machine; the newest that was asked for stays open a while."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._newest: tuple[Pin, ChunkedSnapshot] | None = None
        self._asked = 0.0
        self._timer: threading.Timer | None = None

    def is_current(self) -> bool:
        """Whether a server publishes here, or died with nothing written to the log since by anybody; not what a power cut
        left, which is no image until a server has written it again.
        """
        if not (self._directory / CURRENT).exists():
            return False
        if self._is_held():
            return True
        try:
            current = read_manifest(self._directory / CURRENT)
        except (VersionGone, ImageUnreadable):
            return False
        if current.get("boot") != boot():
            return False
        try:
            head = log.leadership().head
        except DatabaseError as error:
            text = f"no inventory server runs here, and whether the image in {self._directory} is the newest is unknown"
            raise InventoryUnavailable(f"{text}: {database.reason(error)}") from error
        return bool(head == current["version"])

    def snapshot(self, at_least: int | None = None, version: int | None = None) -> Snapshot:
        """The newest version, which has all that was acknowledged to anybody before, or ``version``. Raises VersionGone,
        InventoryUnavailable.
        """
        if version is not None:
            return self._of_number(int(version))
        newest = max(at_least or 0, committed(self._directory))
        deadline = time.monotonic() + _WAIT_SECONDS
        while True:
            snapshot = self._current()
            if snapshot.version >= newest:
                return snapshot
            late = time.monotonic() > deadline
            # A server that died, or cannot go on, between committing and publishing keeps nobody from reading.
            if snapshot.version >= (at_least or 0) and (late or not self._is_held()):
                return snapshot
            if late:
                raise InventoryUnavailable(f"version {at_least} did not come: the newest is {snapshot.version}")
            time.sleep(_POLL_SECONDS)

    def _current(self) -> Snapshot:
        for _ in range(_TRIES):
            path = self._directory / str(read_manifest(self._directory / CURRENT).get("manifest"))
            with contextlib.suppress(VersionGone):
                # Else a newer version took its place just now.
                return self._opened(path)
        raise InventoryUnavailable(f"the image in {self._directory} lacks files that its manifest names")

    def _of_number(self, version: int) -> Snapshot:
        for path in self._directory.glob(f"{version}.*.json"):
            with contextlib.suppress(VersionGone):
                return self._opened(path)
        raise VersionGone(f"version {version} is not in {self._directory}")

    def _opened(self, path: Path) -> Snapshot:
        with self._lock:
            self._asked = time.monotonic()
            known: dict[str, PackedRows] = {}
            if self._newest is not None:
                pin, newest = self._newest
                if pin.path == path:
                    return newest
                known = newest.files()
            pin = Pin(path)
            snapshot = ChunkedSnapshot(pin.chunks(known), pin.manifest["version"], pin.manifest["time"], pin)
            if self._newest is None or self._is_current_file(path):
                self._newest = pin, snapshot
                self._wake()
            return snapshot

    def _is_current_file(self, path: Path) -> bool:
        return bool(read_manifest(self._directory / CURRENT).get("manifest") == path.name)

    def _wake(self) -> None:
        """Have an idle process let go: its version's files take space."""
        # A process that was forked from here has the timer, but not its thread.
        if self._timer is None or not self._timer.is_alive():
            self._timer = threading.Timer(_IDLE_SECONDS, _let_idle_go, [weakref.ref(self)])
            self._timer.daemon = True
            self._timer.start()

    def let_idle_go(self) -> None:
        """Let the newest version go if nobody asked for a while."""
        with self._lock:
            self._timer = None
            if time.monotonic() - self._asked >= _IDLE_SECONDS:
                self._newest = None
            else:
                self._wake()

    def _is_held(self) -> bool:
        try:
            with (self._directory / _LOCK).open() as stream:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False


def _let_idle_go(reference: weakref.ref[LocalImage]) -> None:
    image = reference()
    if image is not None:
        image.let_idle_go()


__all__ = ["ImageUnreadable", "LocalImage", "ServerBackend"]
