"""Catches each effect of the product at its edge (database, files), counts, and has the fault strike at the chosen one.

Only processes of schedules install this. The product knows nothing of it: what is replaced are Django's connections,
functions of ``os``, ``open``, and the methods with which Polars writes.
"""

from __future__ import annotations

import errno
import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from django.db import OperationalError, connection
from django.db.backends.signals import connection_created

from inventory.image import Image
from tests.inventory.faults.durability import Durability
from tests.inventory.faults.journal import Journal
from tests.inventory.faults.schedule import Fault
from tests.inventory.faults.trouble import database_full, lose, no_space, require

_OPERATIONS = {"mkdir": "mkdir", "rename": "rename", "replace": "rename", "link": "link", "unlink": "remove",
               "remove": "remove", "rmdir": "remove", "fsync": "sync"}  # fmt: skip
_TAKE_SPACE = {"mkdir", "link", "open", "write", "sync", "statement", "commit"}
_WRITERS = ((pl.DataFrame, "write_ipc"), (pl.DataFrame, "write_parquet"), (pl.LazyFrame, "sink_parquet"))
_open = io.open


class Effects:
    """Counts the points of the steps that :meth:`within` names. Files under ``root`` are watched, others are not."""

    def __init__(self, root: Path, journal: Journal, fault: Fault | None) -> None:
        self._root, self._journal, self._fault = str(root), journal, fault
        self._family = ""
        self._entries = 0
        self._points = 0
        self._full = False
        self._durability = Durability()

    def install(self) -> None:
        """From now on every effect of this process is caught."""
        for name, operation in _OPERATIONS.items():
            setattr(os, name, self._watched(operation, getattr(os, name)))
        for kind, name in _WRITERS:
            setattr(kind, name, self._watched_writer(getattr(kind, name)))
        io.open = self._watched_open(io.open)  # type: ignore[assignment]
        pa.OSFile = self._watched_file(pa.OSFile)
        pa.ipc.new_file = self._watched_ipc(pa.ipc.new_file)
        pa.memory_map = self._watched_map(pa.memory_map)
        Image.after = self._watched_after(Image.after)  # type: ignore[method-assign]
        connection_created.connect(self._watch_connection, weak=False)
        connection.close()

    @contextmanager
    def within(self, family: str) -> Iterator[None]:
        """What is done inside are steps of ``family``; a disk that ran full inside has room again afterwards."""
        outer, self._family = self._family, family
        if self._wanted():
            self._points = 0
        try:
            yield
        finally:
            if self._wanted():
                self._not_struck()
            self._family, self._full = outer, False

    def _not_struck(self) -> None:
        """The chosen point is not there, or not yet: another one is taken the next time."""
        fault = self._fault
        assert fault is not None
        self._entries += 1
        if self._entries > fault.entry and self._points:
            self._fault = replace(fault, point=fault.point % self._points)

    def _wanted(self) -> bool:
        return self._fault is not None and self._fault.family == self._family

    def _here(self, place: str, *kinds: str) -> bool:
        """Whether the fault strikes at this point, which only ``kinds`` can strike at."""
        fault = self._fault
        if fault is None or fault.family != self._family or fault.kind not in kinds:
            return False
        self._points += 1
        if self._entries < fault.entry or self._points - 1 != fault.point:
            return False
        self._journal.struck(fault.kind, self._family, place)
        self._fault = None
        return True

    def _point(self, place: str) -> None:
        """A process can end or be paused here."""
        kind = "" if self._fault is None else self._fault.kind
        if not self._here(place, "kill", "power", "pause"):
            return
        if kind == "pause":
            self._journal.paused(connection.in_atomic_block)
            os.kill(os.getpid(), signal.SIGSTOP)
            return
        if kind == "power":
            self._durability.cut()
        os.kill(os.getpid(), signal.SIGKILL)

    def _room(self, operation: str, place: str, full: Callable[[], Exception]) -> None:
        """Raise ``full`` where there is no room for ``operation`` any more."""
        if operation in _TAKE_SPACE:
            self._full = self._here(place, "disk") or self._full
            if self._full:
                raise full()

    def _done(self, operation: str, place: str, act: Callable[[], Any], *arguments: Any) -> Any:
        self._point(f"before {place}")
        self._room(operation, f"before {place}", no_space)
        answer = act()
        self._durability.note(operation, arguments)
        self._point(f"after {place}")
        return answer

    def _watched(self, operation: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            if not self._family or not self._is_ours(arguments[0], more):
                return real(*arguments, **more)
            return self._done(operation, operation, lambda: real(*arguments, **more), *arguments)

        return call

    def _watched_open(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(file: Any, mode: str = "r", *arguments: Any, **more: Any) -> Any:
            if not self._family or not self._is_ours(file, {}):
                return real(file, mode, *arguments, **more)
            if "w" not in mode:
                self._read("open")
                return real(file, mode, *arguments, **more)
            stream = self._done("open", "open", lambda: real(file, mode, *arguments, **more), str(file))
            self._durability.note("write", (str(file),))
            return stream

        return call

    def _watched_writer(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(frame: Any, file: Any, *arguments: Any, **more: Any) -> Any:
            if not self._family or not isinstance(file, (str, Path)) or not self._is_ours(file, {}):
                return real(frame, file, *arguments, **more)
            return self._done("write", "write", lambda: self._written(real, frame, file, arguments, more), str(file))

        return call

    def _written(self, real: Callable[..., Any], frame: Any, file: Any, arguments: Any, more: Any) -> Any:
        answer = real(frame, file, *arguments, **more)
        self._half(file)
        return answer

    def _half(self, file: Any) -> None:
        """A point between nothing of the file and all of it; ``file`` was written just now."""
        with _open(file, "rb") as stream:
            content = stream.read()
        os.truncate(file, len(content) // 2)
        self._durability.note("write", (str(file),))
        self._point("half of write")
        self._room("write", "half of write", no_space)
        with _open(file, "r+b") as stream:
            stream.write(content)

    def _watched_file(self, real: Any) -> Callable[..., Any]:
        class File(real):
            """An Arrow file that knows its path."""

            watched = ""

        def call(path: str, mode: str = "r") -> Any:
            if "w" not in mode or not self._family or not self._is_ours(path, {}):
                return real(path, mode)
            file = self._done("open", "open", lambda: File(path, mode), path)
            file.watched = path
            self._durability.note("write", (path,))
            return file

        return call

    def _watched_ipc(self, real: Callable[..., Any]) -> Callable[..., Any]:
        @contextmanager
        def call(sink: Any, *arguments: Any, **more: Any) -> Iterator[Any]:
            with real(sink, *arguments, **more) as writer:
                yield writer
            if getattr(sink, "watched", ""):
                self._half(sink.watched)
                self._point("after write")

        return call

    def _watched_after(self, real: Callable[..., Image]) -> Callable[..., Image]:
        """The one step without an effect: a record is applied to the image in memory."""

        def call(image: Image, *arguments: Any, **more: Any) -> Image:
            if self._family != "append":
                return self._applied(real, image, *arguments, **more)
            with self.within("apply"):
                return self._applied(real, image, *arguments, **more)

        return call

    def _applied(self, real: Callable[..., Image], *arguments: Any, **more: Any) -> Image:
        self._point("before applying a record")
        answer = real(*arguments, **more)
        self._point("after applying a record")
        return answer

    def _watched_map(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: str, *arguments: Any, **more: Any) -> Any:
            if self._family and self._is_ours(path, {}):
                self._read("map")
            return real(path, *arguments, **more)

        return call

    def _read(self, place: str) -> None:
        self._point(f"before {place}")
        if self._here(f"before {place}", "disk"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def _is_ours(self, file: Any, more: dict[str, Any]) -> bool:
        if more.get("dir_fd") is not None:
            return True
        if isinstance(file, int):
            return str(Path(f"/proc/self/fd/{file}").readlink()).startswith(self._root)
        return str(file).startswith(self._root)

    def _watch_connection(self, connection: Any, **_: Any) -> None:
        vars(connection).pop("is_usable", None)
        if self._statement not in connection.execute_wrappers:
            connection.execute_wrappers.append(self._statement)
            connection._commit = self._watched_commit(connection, connection._commit)

    def _statement(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if not self._family:
            require(context["connection"])
            return execute(sql, params, many, context)
        place = " ".join(sql.split()[:3])
        self._point(f"before {place}")
        writes = sql.split(maxsplit=1)[0] in ("INSERT", "UPDATE", "DELETE", "REPLACE")
        self._room("statement" if writes else "read", f"before {place}", lambda: database_full(context["connection"]))
        if self._here(f"before {place}", "connection"):
            lose(context["connection"])
        require(context["connection"])
        answer = execute(sql, params, many, context)
        self._point(f"after {place}")
        return answer

    def _watched_commit(self, connection: Any, real: Callable[[], None]) -> Callable[[], None]:
        def commit() -> None:
            if not self._family:
                real()
                return
            self._point("before COMMIT")
            self._room("commit", "before COMMIT", lambda: database_full(connection))
            if self._here("before COMMIT", "connection"):
                lose(connection)
            require(connection)
            real()
            self._point("after COMMIT")
            if self._here("after COMMIT", "answer"):
                lose(connection)
                connection.errors_occurred = True
                raise OperationalError(2013, "Lost connection to MySQL server during query")

        return commit
