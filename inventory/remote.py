"""The inventory of another process: versions mapped from the image directory of a server on this machine, else by Flight."""

from __future__ import annotations

import fcntl
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
from django.db import connection, transaction
from pyarrow import flight

from inventory import log
from inventory.changes import ChangeSet
from inventory.errors import InventoryDenied, InventoryUnavailable, VersionGone
from inventory.image import ChunkedSnapshot, Chunks
from inventory.log import Commit
from inventory.schema import TABLES
from inventory.server import wire
from inventory.server.flight import STREAM, stream_of
from inventory.snapshot import Snapshot
from inventory.store import CURRENT, ImageUnreadable, mapped, read_manifest

_LOCK = "lock"
_CONNECT_SECONDS = 10.0
_COMMIT_SECONDS = 600.0
_WAIT_SECONDS = 10.0
_TRIES = 20


class ServerBackend:
    """The inventory server at ``url``; ``image``: its image directory, if it is on this machine."""

    def __init__(self, url: str, token: str, image: Path | None) -> None:
        self._url, self._options = url, [(b"authorization", f"Bearer {token}".encode())]
        self._local = None if image is None else LocalImage(image)
        self._lock = threading.Lock()
        self._client: flight.FlightClient | None = None

    @classmethod
    def from_settings(cls) -> ServerBackend:
        """The installation's server."""
        from django.conf import settings

        return cls(settings.INVENTORY_URL, settings.INVENTORY_TOKEN, settings.INVENTORY_IMAGE_DIR)

    def snapshot(self, at_least: int | None = None, version: int | None = None) -> Snapshot:
        """See ``client.snapshot``."""
        if self._local is not None and self._local.is_current():
            return self._local.snapshot(at_least, version)
        asked = {"at_least": at_least, "version": version}
        with self._connected(_CONNECT_SECONDS) as (client, options):
            (result,) = client.do_action(flight.Action("open", json.dumps(asked).encode()), options)
        opened = wire.checked(result.body.to_pybytes())
        return _RemoteSnapshot(self, opened["version"], opened["time"])

    def commit(self, changes: ChangeSet) -> Commit:
        """See ``client.commit``. Must not be called within a transaction of the database: the server writes there too."""
        if connection.in_atomic_block:
            raise transaction.TransactionManagementError(
                "commit to the inventory before or after the transaction, not within"
            )
        with self._connected(_COMMIT_SECONDS) as (client, options):
            writer, answers = client.do_put(flight.FlightDescriptor.for_command(b"commit"), STREAM, options)
            for batch in stream_of(wire.packed(changes)):
                writer.write_batch(batch)
            writer.done_writing()
            answer = answers.read()
            writer.close()
        if answer is None:
            raise InventoryUnavailable(f"the inventory server at {self._url} gave no answer; send the same again")
        return wire.commit_of(answer.to_pybytes())

    def status(self) -> dict[str, Any]:
        """See ``client.status``."""
        with self._connected(_CONNECT_SECONDS) as (client, options):
            (result,) = client.do_action(flight.Action("status", b""), options)
        return wire.checked(result.body.to_pybytes())

    def table(self, name: str, version: int) -> pl.DataFrame:
        """All rows of a table of a version that :meth:`snapshot` opened. Raises VersionGone."""
        ticket = flight.Ticket(json.dumps({"table": name, "version": version}).encode())
        with self._connected(_COMMIT_SECONDS) as (client, options):
            rows = pl.from_arrow(client.do_get(ticket, options).read_all(), rechunk=False)
        return pl.DataFrame(rows).cast(dict(TABLES[name].schema))  # type: ignore[arg-type]

    @contextmanager
    def _connected(self, seconds: float) -> Iterator[tuple[flight.FlightClient, flight.FlightCallOptions]]:
        """A client and the options of a call; what goes wrong becomes one of the inventory's errors."""
        client = self._current_client()
        try:
            yield client, flight.FlightCallOptions(timeout=seconds, headers=self._options)
        except flight.FlightUnauthenticatedError as error:
            raise InventoryDenied(f"the inventory server at {self._url} refuses this INVENTORY_TOKEN") from error
        except (flight.FlightError, OSError) as error:
            if "VersionGone" in str(error):
                raise VersionGone(str(error).split("VersionGone: ")[-1].splitlines()[0]) from error
            self._forget(client)
            first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InventoryUnavailable(f"no answer from the inventory server at {self._url}: {first_line}") from error

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
            self._url = log.leadership().url or self._url


class _RemoteSnapshot(Snapshot):
    """A version of a server elsewhere; tables come over the network when they are first wanted."""

    def __init__(self, server: ServerBackend, version: int, time: int) -> None:
        self._server = server
        super().__init__({}, version, time)

    def table(self, name: str) -> pl.LazyFrame:
        """The table ``name`` with the columns that ``schema.TABLES`` declares."""
        return self.frame(name).lazy()

    def frame(self, name: str) -> pl.DataFrame:
        """The same, fetched once."""
        if name not in self._frames:
            self._frames[name] = self._server.table(name, self.version)
        return self._frames[name]

    def of_datasets(self, name: str, dataset_ids: pl.Series) -> pl.DataFrame:
        """Rows of the chunked table ``name`` that belong to the datasets with ``dataset_ids``."""
        return self.frame(name).filter(pl.col("dataset_id").is_in(dataset_ids.implode()))


class LocalImage:
    """Versions mapped from the image directory of a server on this machine."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._files: dict[str, pl.DataFrame] = {}
        self._newest: Snapshot | None = None

    def is_current(self) -> bool:
        """Whether a server publishes here, or died with nothing written to the log since by anybody."""
        if not (self._directory / CURRENT).exists():
            return False
        if self._is_held():
            return True
        return bool(log.leadership().head == read_manifest(self._directory / CURRENT)["version"])

    def snapshot(self, at_least: int | None = None, version: int | None = None) -> Snapshot:
        """The newest version, or ``version``. Raises VersionGone, InventoryUnavailable."""
        if version is not None:
            return self._opened(read_manifest(self._directory / f"{int(version)}.json"))
        deadline = time.monotonic() + _WAIT_SECONDS
        for _ in range(_TRIES):
            try:
                snapshot = self._opened(read_manifest(self._directory / CURRENT))
            except VersionGone:
                # A newer version took the place of what the manifest named.
                continue
            while at_least is not None and snapshot.version < at_least and time.monotonic() < deadline:
                time.sleep(0.01)
                snapshot = self._opened(read_manifest(self._directory / CURRENT))
            if at_least is not None and snapshot.version < at_least:
                raise InventoryUnavailable(f"version {at_least} did not come: the newest is {snapshot.version}")
            return snapshot
        raise InventoryUnavailable(f"the image in {self._directory} lacks files that its manifest names")

    def _opened(self, manifest: dict[str, Any]) -> Snapshot:
        with self._lock:
            newest = self._newest
            if (
                newest is not None
                and newest.version == manifest["version"]
                and self._named(manifest) <= set(self._files)
            ):
                return newest
            files: dict[str, pl.DataFrame] = {}
            chunks: Chunks = {name: {} for name in TABLES}
            for name in TABLES:
                for number, file in manifest["chunks"].get(name, {}).items():
                    rows = self._files.get(file)
                    files[file] = chunks[name][int(number)] = mapped(self._directory / file) if rows is None else rows
            snapshot = ChunkedSnapshot(chunks, manifest["version"], manifest["time"])
            if newest is None or manifest["version"] >= newest.version or not self._named(manifest) & set(self._files):
                self._files, self._newest = files, snapshot
            return snapshot

    @staticmethod
    def _named(manifest: dict[str, Any]) -> set[str]:
        return {file for parts in manifest["chunks"].values() for file in parts.values()}

    def _is_held(self) -> bool:
        try:
            with (self._directory / _LOCK).open() as stream:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False


__all__ = ["ImageUnreadable", "LocalImage", "ServerBackend"]
