"""The life of the server process: take the lead, recover, serve, keep followers going, end cleanly."""

from __future__ import annotations

import fcntl
import gc
import os
import resource
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import structlog
from django.db import DatabaseError, close_old_connections, connection

from inventory import database, followers, log
from inventory.checkpoint import Checkpoints
from inventory.errors import InventoryError, LeadershipLost
from inventory.history import compaction
from inventory.leader import Leader
from inventory.log_models import Leadership
from inventory.recovery import recovered
from inventory.server.archiving import Archiver
from inventory.server.flight import FlightServer, Limits
from inventory.server.health import Health, Lease
from inventory.settings import InventorySettings
from inventory.store import Store

_LOG = structlog.get_logger(__name__)
_LOCK = "lock"
_EPOCH_CHECK_SECONDS = 1.0
_RETRY_SECONDS = 1.0
_GIVE_WAY_SECONDS = 0.5
_RECORDS_AT_ONCE = 5
_SWITCH_SECONDS = 0.0005
"""Threads that follow the log must not keep the one that commits waiting at each of its steps."""
_DATABASE_RETRY_SECONDS = 4.0
_CHECKPOINT_RETRY_SECONDS = 30.0


class AlreadyRunning(InventoryError):
    """Another inventory server leads; the text says which, and how to take over."""


@dataclass(frozen=True)
class Places:
    """Where the server listens and writes."""

    url: str
    token: str = field(repr=False)
    image: Path
    checkpoints: Path
    history: Path


class ServerProcess:
    """One run of the server. :meth:`run` returns when :meth:`stop` was called or leadership was lost."""

    def __init__(
        self, places: Places, settings: InventorySettings, take_over: bool = False, standby: bool = False
    ) -> None:
        self.places, self.settings, self.take_over, self.standby = places, settings, take_over, standby
        self._stop = threading.Event()
        self._closed = threading.Event()
        self._work = threading.Event()
        self._lost = ""
        self._started = time.monotonic()
        self._tables = 0
        self._checkpoints = Checkpoints(places.checkpoints)
        self._archiver = Archiver(places.history, places.checkpoints, settings)
        self._database = Health("database", _EPOCH_CHECK_SECONDS, 2 * _EPOCH_CHECK_SECONDS)
        self._health = {
            "database": self._database, "tables": Health("tables"), "history": Health("history"),
            "checkpoint": Health("checkpoint", _CHECKPOINT_RETRY_SECONDS, 10 * _CHECKPOINT_RETRY_SECONDS),
        }  # fmt: skip

    def stop(self) -> None:
        """End cleanly."""
        self._stop.set()
        self._work.set()

    def run(self, ready: Callable[[dict[str, Any]], None] = lambda status: None) -> str:
        """Serve; ``ready`` is told when callers can come. Returns why leadership was lost, or "" after a clean stop."""
        sys.setswitchinterval(_SWITCH_SECONDS)
        with ExitStack() as stack:
            database.forget_idle_connections()
            row = self._taken_lead()
            if row is None:
                return ""
            stack.enter_context(self._image_lock())
            image, source = recovered(row.head, self.places.checkpoints)
            self._tables = followers.position()
            about = {"epoch": row.epoch, "host": row.host, "process": row.process, "url": row.url}
            self._store = Store(self.places.image, self.settings.kept_versions, about)
            self._leader = Leader(row.epoch, image, row.next_ids, self._store.publish, announce=self._store.announce)
            # Its chunks are those of the checkpoint: what is served now has its own names.
            del image
            _LOG.info(
                "inventory_leads", epoch=row.epoch, version=self._leader.image.version, source=source, url=row.url
            )
            server = self._server = FlightServer(
                self.places.url, self.places.token, self._leader, self.status, self._work.set, self._lose,
                self._limits(), self._database,
            )  # fmt: skip
            stack.callback(self._resign)
            threads = [
                threading.Thread(target=loop, name=loop.__name__.strip("_"))
                for loop in (self._watch, self._follow, self._checkpoint, self._archive)
            ]
            for thread in threads:
                thread.start()
            # What is there now stays to the end: looking through it again and again would hold up commits.
            gc.freeze()
            ready(self.status())
            self._stop.wait()
            server.close()
            self._closed.set()
            for thread in threads:
                thread.join()
        _LOG.info("inventory_ends", version=self._leader.image.version, lost=self._lost)
        return self._lost

    def status(self) -> dict[str, Any]:
        """What the server is doing, without looking into the database."""
        status = self._leader.status()
        # What is acknowledged, though it may be published only in a moment.
        version = self._leader.committed
        checkpoint, archived = self._checkpoints.version, self._archiver.position
        followers_lag = {
            "tables": version - self._tables,
            "checkpoint": None if checkpoint is None else version - checkpoint,
            "history": None if archived is None else max(0, version - archived),
        }
        trouble = {name: health.trouble for name, health in self._health.items() if health.trouble is not None}
        return {
            **status, "log_head": version, "open_versions": len(self._server.pins), "lag": followers_lag,
            "trouble": trouble, "in_doubt": self._leader.in_doubt, "history_problem": self._archiver.problem, "memory": _memory(), "url": self.places.url,
            "host": socket.gethostname(), "process": os.getpid(), "running_seconds": int(time.monotonic() - self._started),
        }  # fmt: skip

    def _limits(self) -> Limits:
        settings = self.settings
        return Limits(
            self.places.checkpoints, settings.waiting_change_sets, settings.change_set_bytes, settings.waiting_bytes,
            settings.streams,
        )  # fmt: skip

    def _lose(self, why: str) -> None:
        if not self._lost:
            _LOG.error("inventory_leadership_lost", reason=why)
        self._lost = why
        self.stop()

    def _taken_lead(self) -> Leadership | None:
        """The lead, taken as soon as nobody has it; None when this server was stopped before."""
        while True:
            try:
                row = self._refuse_second()
                if self._stop.is_set():
                    return None
                # Before this: a leader that works shall not end for one that cannot.
                database.require_suitable()
                return log.take_lead(socket.gethostname(), os.getpid(), self.places.url, int(time.time()), row)
            except LeadershipLost:
                # The leader lives; it was only slow.
                continue
            except DatabaseError as error:
                if not self.standby:
                    raise
                self._stop.wait(self._database.failed(error))

    def _refuse_second(self) -> Leadership | None:
        """Wait for the end of another leader's lease, or as a standby for the end of the leader; returns its last sign."""
        lease, first = Lease(self.settings.lease_seconds), None
        while not self.take_over and not self._stop.is_set():
            close_old_connections()
            row = log.leadership()
            self._database.worked()
            if not row.host or (not _is_server(row.process) if self._is_here(row) else lease.is_over(row)):
                return row
            first = first or row
            # A process of this host is seen to live; one elsewhere may have died within its lease.
            if not self.standby and (self._is_here(row) or row.signs() != first.signs()):
                raise AlreadyRunning(
                    f"an inventory server already leads: process {row.process} on {row.host} at {row.url}; "
                    "stop it first, take over from it with --take-over, or wait for its end with --standby"
                )
            self._stop.wait(_RETRY_SECONDS)
        return None

    @staticmethod
    def _is_here(row: Leadership) -> bool:
        return bool(row.host == socket.gethostname())

    def _resign(self) -> None:
        try:
            log.resign(self._leader.epoch)
        except DatabaseError as error:
            _LOG.warning(
                "inventory_not_resigned", reason=database.reason(error), next="servers of other hosts wait a lease"
            )

    def _image_lock(self) -> IO[str]:
        """The open lock file: readers see by it that a server lives. Waits for an overtaken server to end."""
        self.places.image.mkdir(parents=True, exist_ok=True)
        stream = (self.places.image / _LOCK).open("w")
        deadline = time.monotonic() + 2 * self.settings.lease_seconds
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline or self._stop.is_set():
                    stream.close()
                    raise AlreadyRunning(f"another process holds {self.places.image / _LOCK}") from None
                time.sleep(0.05)
            else:
                break
        _require_free(self.places.url)
        return stream

    def _watch(self) -> None:
        """Give signs of life; end when another server leads. A database that is away takes no leadership away."""

        def step() -> float:
            try:
                log.sign_of_life(self._leader.epoch, int(time.time()))
                if self._leader.in_doubt:
                    self._leader.settle()
                    self._work.set()
            except DatabaseError as error:
                # Else an append takes its time: its record is a sign of life too.
                if database.trouble(error) is not database.Trouble.CONFLICT:
                    raise
            self._database.worked()
            return _EPOCH_CHECK_SECONDS

        self._loop(step, self._stop, self._database)

    def _follow(self) -> None:
        """Keep the tables up to date; what is left at a stop is applied by the next server."""

        def step() -> float:
            self._work.clear()
            # On SQLite a commit would wait for this, and here and there for Python's lock: commits go first.
            self._server.waiting.give_way(_GIVE_WAY_SECONDS)
            applied = followers.follow(self._leader.image.version, limit=_RECORDS_AT_ONCE)
            self._tables = followers.position()
            self._health["tables"].worked()
            return 0.0 if applied else _RETRY_SECONDS

        self._loop(step, self._work, self._health["tables"])

    def _checkpoint(self) -> None:
        """Write checkpoints, the last one at a stop; remove what readers have let go."""
        last, health = time.monotonic(), self._health["checkpoint"]

        def write() -> float:
            nonlocal last
            image = self._leader.image
            self._checkpoints.write(image)
            last = time.monotonic()
            health.worked()
            _LOG.info("inventory_checkpoint", version=image.version)
            return _RETRY_SECONDS

        def step() -> float:
            self._server.pins.clean()
            self._store.clean()
            behind = self._leader.image.version - (self._checkpoints.version or 0)
            late = time.monotonic() - last > self.settings.checkpoint_seconds
            wanted = compaction.asked() > (self._checkpoints.version or 0)
            due = behind >= self.settings.checkpoint_records or (behind and (late or wanted))
            if due:
                return write()
            health.worked()
            return _RETRY_SECONDS

        # Should it fail: writing a large image again and again would keep a full disk full.
        self._loop(step, self._stop, health)
        self._closed.wait()
        if self._checkpoints.version != self._leader.image.version:
            self._tried(write, health)

    def _archive(self) -> None:
        """Write the history; what little is left at a stop, then."""
        health = self._health["history"]

        def step(at_once: bool = False) -> float:
            pause = self._archiver.step(self._leader.image.version, at_once=at_once)
            health.worked()
            return pause

        self._loop(step, self._stop, health)
        self._closed.wait()
        self._tried(lambda: step(at_once=True), health)
        connection.close()

    def _loop(self, step: Callable[[], float], wake: threading.Event, health: Health) -> None:
        """Repeat ``step`` until the stop; trouble with the database or the disk is told once, and tried again."""
        try:
            while not self._stop.is_set():
                close_old_connections()
                pause = self._tried(step, health)
                if pause:
                    (self._stop if health.trouble else wake).wait(pause)
        except LeadershipLost as error:
            self._lose(str(error))
        finally:
            connection.close()
            if not self._stop.is_set():
                # A server without one of its followers is not what operators believe is running.
                self._lose(f"{threading.current_thread().name} ended by an error")

    @staticmethod
    def _tried(step: Callable[[], float], health: Health) -> float:
        try:
            return step()
        except DatabaseError as error:
            # When it is back, nobody waits for long.
            return min(health.failed(error), _DATABASE_RETRY_SECONDS)
        except OSError as error:
            return health.failed(error)


def _is_server(process: int) -> bool:
    """Whether the process of this host that led is an inventory server still (its number may belong to another now)."""
    if process == os.getpid():
        return False
    try:
        command = Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False
    return b"inventory_server" in command


def _require_free(url: str) -> None:
    """Refuse a port that somebody listens on: gRPC would share it, and callers would reach either."""
    parts = urlsplit(url)
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex((parts.hostname or "127.0.0.1", parts.port or 0)) == 0:
            raise AlreadyRunning(f"somebody else listens at {url}")


def _memory() -> int:
    """Largest resident memory so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
