"""Checkpoints: versions of the image on disk, from which a server starts quickly. They follow the log like the tables.

A checkpoint is a directory ``<version>`` with a file per chunk and a manifest with their digests. Files are hard links to
the last checkpoint's or the served image's where these are on the same file system. It appears by one rename when everything is on the disk.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from inventory.errors import ImageUnreadable, InventoryError, VersionGone
from inventory.image import Image
from inventory.packed import PackedRows
from inventory.schema import TABLES
from inventory.store import placed, read_chunks, read_manifest, synchronised, write_manifest

KEPT = 3
_MANIFEST = "manifest.json"


class CheckpointDamaged(InventoryError):
    """A checkpoint is not what was written; the text says which file and how."""


def newest_first(directory: Path) -> list[Path]:
    """The checkpoints in ``directory``."""
    if not directory.is_dir():
        return []
    return sorted((path for path in directory.iterdir() if path.name.isdigit()), key=lambda path: -int(path.name))


def load(checkpoint: Path) -> Image:
    """The image of a checkpoint, mapped; every byte was checked. Raises CheckpointDamaged."""
    try:
        manifest = read_manifest(checkpoint / _MANIFEST)
        if manifest.get("digest") != _manifest_digest(manifest):
            raise CheckpointDamaged(f"{checkpoint / _MANIFEST} has changed since it was written; remove {checkpoint}")
        chunks = read_chunks(checkpoint, manifest, {})
        digests = {file: digest for parts in manifest["chunks"].values() for file, _, digest in parts.values()}
        # Digests are computed outside Python's lock.
        with ThreadPoolExecutor() as pool:
            for file, digest in zip(digests, pool.map(lambda file: _digest(checkpoint / file), digests), strict=True):
                if digest != digests[file]:
                    raise CheckpointDamaged(
                        f"{checkpoint / file} has changed since it was written; remove {checkpoint}"
                    )
        for parts in chunks.values():
            for rows in parts.values():
                rows.parts("dataset_id" if TABLES[rows.table].chunked else TABLES[rows.table].key[0])
        return Image(int(manifest["version"]), int(manifest["time"]), chunks)
    except (VersionGone, ImageUnreadable, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointDamaged(f"{checkpoint}: {error}; remove it") from error


class Checkpoints:
    """The writer of the checkpoints in ``directory``; knows which chunks the last one has."""

    def __init__(self, directory: Path, kept: int = KEPT) -> None:
        self.directory, self.kept = directory, kept
        self.version: int | None = None
        self._last: dict[tuple[str, int], tuple[PackedRows, Path, str]] = {}

    def write(self, image: Image) -> Path:
        """Write ``image``; returns the checkpoint's directory. Older ones than the last few are removed. Raises OSError."""
        temporary = self.directory / f".{image.version}.tmp"
        try:
            return self._written(image, temporary)
        except OSError:
            # On a full disk others need the space that a half checkpoint takes.
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    def _written(self, image: Image, temporary: Path) -> Path:
        final = self.directory / str(image.version)
        self.directory.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        names: dict[str, dict[str, tuple[str, int, str]]] = {name: {} for name in TABLES}
        chunks = {}
        for name, parts in image.chunks.items():
            for number, rows in parts.items():
                file = f"{name}-{number}.arrow"
                digest = self._put(temporary, file, (name, number), rows)
                names[name][str(number)] = (file, rows.height, digest)
                chunks[name, number] = (rows, final / file, digest)
        manifest = {"version": image.version, "time": image.time, "chunks": names}
        write_manifest(temporary / _MANIFEST, {**manifest, "digest": _manifest_digest(manifest)})
        synchronised(temporary / _MANIFEST)
        synchronised(temporary)
        # One of the same version may be damaged: it makes room.
        shutil.rmtree(final, ignore_errors=True)
        temporary.rename(final)
        synchronised(self.directory)
        self.version, self._last = image.version, chunks
        self._remove_old()
        return final

    def _put(self, directory: Path, file: str, chunk: tuple[str, int], rows: PackedRows) -> str:
        last = self._last.get(chunk)
        if last is not None and last[0] is rows and last[1].exists():
            os.link(last[1], directory / file)
            return last[2]
        placed(rows, directory / file)
        synchronised(directory / file)
        return _digest(directory / file)

    def _remove_old(self) -> None:
        others = [path for path in newest_first(self.directory) if int(path.name) != self.version]
        # Newer ones than what is led now belong to a database that is not this one any more.
        newer = [path for path in others if self.version is not None and int(path.name) > self.version]
        older = [path for path in others if path not in newer]
        for path in [*newer, *older[self.kept - 1 :], *self.directory.glob(".*.tmp")]:
            shutil.rmtree(path, ignore_errors=True)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "blake2b").hexdigest()


def _manifest_digest(manifest: dict[str, object]) -> str:
    content = {name: manifest[name] for name in ("version", "time", "chunks")}
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode()).hexdigest()
