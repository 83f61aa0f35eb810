"""The image as files that local readers map: a file per chunk, and a manifest per version that lists them.

Writers make files under names that were never used, then the version's manifest, then rename ``current.json`` into place. Whoever
reads a version holds a shared lock on its manifest (a *pin*): its files stay as long as anybody does, and go soon after.
The kernel ends the locks of processes that die.
"""

from __future__ import annotations

import fcntl
import functools
import json
import os
import secrets
import shutil
import threading
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inventory.chunked import Chunks
from inventory.errors import ImageUnreadable, VersionGone
from inventory.image import Image
from inventory.packed import PackedRows
from inventory.schema import TABLES

CURRENT = "current.json"
COMMITTED = "committed"
"""File that tells which version is committed: it may be published a moment later."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_KEPT_SECONDS = 30


class Pin:
    """A version that is read: as long as this object exists its files stay. ``manifest``: what the version consists of."""

    def __init__(self, path: Path) -> None:
        """Pin the version of the manifest at ``path``. Raises VersionGone, ImageUnreadable."""
        self.path = path
        descriptor = _opened(path)
        self._end = weakref.finalize(self, os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if not os.fstat(descriptor).st_nlink:
            raise VersionGone(f"{path} is not there any more")
        self.manifest = read_manifest(path, descriptor)

    def chunks(self, known: dict[str, PackedRows]) -> Chunks:
        """Its chunks; those of files in ``known`` are taken from there. Raises ImageUnreadable."""
        return read_chunks(self.path.parent, self.manifest, known)


def write_manifest(path: Path, manifest: dict[str, Any]) -> None:
    """Replace the manifest at ``path`` at once."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(manifest))
    temporary.rename(path)


def read_manifest(path: Path, descriptor: int | None = None) -> dict[str, Any]:
    """The manifest at ``path`` (open already as ``descriptor``). Raises VersionGone, ImageUnreadable."""
    own = _opened(path) if descriptor is None else os.dup(descriptor)
    try:
        with os.fdopen(own, "rb") as stream:
            manifest = json.loads(stream.read())
    except (OSError, ValueError) as error:
        raise ImageUnreadable(f"{path}: {error}") from error
    if not isinstance(manifest, dict) or not {"version", "time"} <= set(manifest):
        raise ImageUnreadable(f"{path} is no manifest of an image")
    return manifest


def read_chunks(directory: Path, manifest: dict[str, Any], known: dict[str, PackedRows]) -> Chunks:
    """The chunks that a manifest lists as files with their numbers of rows, in ``directory``. Raises ImageUnreadable."""
    chunks: Chunks = {name: {} for name in TABLES}
    try:
        for name, parts in manifest["chunks"].items():
            for number, (file, height, *_) in parts.items():
                chunks[name][int(number)] = known.get(file) or PackedRows(name, int(height), directory / file)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ImageUnreadable(
            f"the manifest of version {manifest['version']} in {directory} is damaged: {error}"
        ) from error
    return chunks


def placed(rows: PackedRows, path: Path) -> PackedRows:
    """``rows`` in the file ``path``, by a link where that can be. Raises OSError."""
    if rows.path is None:
        temporary = path.with_name(f".{path.name}.tmp")
        rows.write(temporary)
        temporary.rename(path)
    else:
        try:
            os.link(rows.path, path)
        except OSError:
            # Another file system, or one without links.
            shutil.copyfile(rows.path, path)
    return PackedRows(rows.table, rows.height, path)


@dataclass
class _Version:
    """A version with a manifest; ``files``: its own, of one that an earlier server published."""

    version: int
    path: Path
    since: float
    files: frozenset[str] = frozenset()


class Store:
    """The leader's side of the image directory: publishes versions, and takes away what nobody needs any more.

    The last ``kept`` versions stay, those younger than some seconds (readers read which one is current just now), and those
    that are pinned.
    """

    def __init__(self, directory: Path, kept: int, about: dict[str, Any] | None = None) -> None:
        self.directory, self.kept, self._about = directory, kept, about or {}
        self._run = secrets.token_hex(4)
        self._files: dict[tuple[str, int], tuple[PackedRows, int]] = {}
        self._versions: list[_Version] = []
        self._retired: list[tuple[int, int, Path]] = []
        self._lock = threading.Lock()
        directory.mkdir(parents=True, exist_ok=True)
        (directory / COMMITTED).write_bytes(b"%020d" % 0)
        self._foreign = self._left_by_others()

    def publish(self, image: Image) -> Image:
        """Write what is new in ``image`` and make it the current version; returns it as mapped, pinned. Raises OSError."""
        with self._lock:
            published = self._published(image)
            self._clean()
            return published

    def announce(self, version: int) -> None:
        """Tell readers on this machine that ``version`` is committed: they wait for it. Raises OSError."""
        # In place, and always as long: no space is needed, and no reader sees half of it.
        with (self.directory / COMMITTED).open("r+b", buffering=0) as stream:
            stream.write(b"%020d" % version)

    def clean(self) -> None:
        """Remove the files that only versions need which are neither kept nor pinned."""
        with self._lock:
            self._clean()

    def _published(self, image: Image) -> Image:
        chunks: Chunks = {name: {} for name in TABLES}
        for name, parts in image.chunks.items():
            for number, rows in parts.items():
                chunks[name][number] = self._written(name, number, rows, image.version)
        listed = {name: {number: (rows.path.name, rows.height) for number, rows in parts.items() if rows.path}
                  for name, parts in chunks.items()}  # fmt: skip
        path = self.directory / f"{image.version}.{self._run}.json"
        write_manifest(path, {"version": image.version, "time": image.time, "chunks": listed})
        pin = Pin(path)
        current = {"version": image.version, "time": image.time, "manifest": path.name, "boot": boot(), **self._about}
        write_manifest(self.directory / CURRENT, current)
        for key in [key for key in self._files if key[1] not in chunks[key[0]]]:
            self._retire(*self._files.pop(key), image.version)
        self._versions.append(_Version(image.version, path, time.monotonic()))
        return Image(image.version, image.time, chunks, pin)

    def _clean(self) -> None:
        if self._versions:
            self._forget_foreign()
        old = time.monotonic() - _KEPT_SECONDS
        late = [version for version in self._versions[: -self.kept] if version.since < old and _removed(version.path)]
        if not late:
            return
        self._versions = [version for version in self._versions if version not in late]
        numbers = [version.version for version in self._versions]
        needed = [any(first <= number < end for number in numbers) for first, end, _ in self._retired]
        for (_, _, path), stays in zip(self._retired, needed, strict=True):
            if not stays:
                path.unlink(missing_ok=True)
        self._retired = [entry for entry, stays in zip(self._retired, needed, strict=True) if stays]

    def _written(self, table: str, number: int, rows: PackedRows, version: int) -> PackedRows:
        known = self._files.get((table, number))
        if known is not None and known[0] is rows:
            return rows
        mapped = placed(rows, self.directory / f"{table}-{number}-{version}-{self._run}.arrow")
        if known is not None:
            self._retire(*known, version)
        self._files[table, number] = (mapped, version)
        return mapped

    def _retire(self, rows: PackedRows, first: int, end: int) -> None:
        """The file of ``rows`` was part of the versions from ``first`` to before ``end``."""
        if rows.path is not None:
            self._retired.append((first, end, rows.path))

    def _left_by_others(self) -> list[_Version]:
        """Versions of earlier servers. What no reader can find goes now: there has to be room."""
        found = []
        try:
            current = read_manifest(self.directory / CURRENT).get("manifest")
        except (VersionGone, ImageUnreadable):
            current = None
        for path in self.directory.glob("[0-9]*.json"):
            if path.name != current and _removed(path):
                continue
            try:
                manifest = read_manifest(path)
                chunks = read_chunks(self.directory, manifest, {})
            except (VersionGone, ImageUnreadable):
                path.unlink(missing_ok=True)
                continue
            files = frozenset(rows.path.name for parts in chunks.values() for rows in parts.values() if rows.path)
            found.append(_Version(int(manifest["version"]), path, 0.0, files))
        self._sweep(found)
        return found

    def _forget_foreign(self) -> None:
        # What an earlier server left could be read until now.
        left = [version for version in self._foreign if not _removed(version.path)]
        if len(left) < len(self._foreign):
            self._foreign = left
            self._sweep(left)

    def _sweep(self, foreign: list[_Version]) -> None:
        """Remove files that are neither this server's nor of ``foreign`` versions."""
        named = {
            CURRENT,
            *(version.path.name for version in foreign),
            *(file for version in foreign for file in version.files),
        }
        for path in self.directory.iterdir():
            own = path.name.endswith((f"-{self._run}.arrow", f".{self._run}.json"))
            if not own and path.name not in named and path.suffix in (".arrow", ".tmp", ".json"):
                path.unlink(missing_ok=True)


def committed(directory: Path) -> int:
    """The version that the server of the image ``directory`` has committed, as far as it told."""
    try:
        return int((directory / COMMITTED).read_bytes() or b"0")
    except FileNotFoundError:
        return 0


@functools.cache
def boot() -> str:
    """Which start of the machine this is: images are not synchronised, after a power cut their files may be anything."""
    try:
        return _BOOT.read_text().strip()
    except FileNotFoundError:
        return ""


def synchronised(path: Path) -> None:
    """Have the file or directory at ``path`` on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise VersionGone(f"{path} is not there") from None
    except OSError as error:
        raise ImageUnreadable(f"{path}: {error}") from error


def _removed(manifest: Path) -> bool:
    """Whether nobody had pinned the version of ``manifest``, which is gone now."""
    try:
        descriptor = os.open(manifest, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        manifest.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
