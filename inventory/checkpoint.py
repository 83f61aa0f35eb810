"""Checkpoints: versions of the image on disk, from which a server starts quickly. They follow the log like the tables.

A checkpoint is a directory ``<version>`` with files by content, shared with earlier checkpoints through hard links, and a
manifest with the files' digests. It appears by one rename when everything is on the disk.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from inventory.errors import InventoryError, VersionGone
from inventory.image import Chunks, Image
from inventory.schema import TABLES
from inventory.store import ImageUnreadable, mapped, read_manifest, synchronised, write_chunk, write_manifest

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
    """The image of a checkpoint, mapped. Raises CheckpointDamaged."""
    try:
        manifest = read_manifest(checkpoint / _MANIFEST)
        chunks: Chunks = {name: {} for name in TABLES}
        for name in TABLES:
            for number, (file, digest) in manifest["chunks"].get(name, {}).items():
                path = checkpoint / file
                if _digest(path) != digest:
                    raise CheckpointDamaged(f"{path} has changed since it was written; remove {checkpoint}")
                rows = mapped(path)
                if rows.schema != TABLES[name].schema:
                    raise CheckpointDamaged(f"{path} has other columns than this version of Dynamo")
                chunks[name][int(number)] = rows
        return Image(int(manifest["version"]), int(manifest["time"]), chunks)
    except (VersionGone, ImageUnreadable, FileNotFoundError, ValueError, TypeError, AttributeError) as error:
        raise CheckpointDamaged(f"{checkpoint}: {error}") from error


def write(image: Image, directory: Path) -> Path:
    """Write ``image`` as a checkpoint; chunks that the last one has are linked. Returns its directory."""
    final = directory / str(image.version)
    if final.exists():
        return final
    directory.mkdir(parents=True, exist_ok=True)
    last = next(iter(newest_first(directory)), None)
    temporary = directory / f".{image.version}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    names: dict[str, dict[str, tuple[str, str]]] = {name: {} for name in TABLES}
    for name, parts in image.chunks.items():
        for number, rows in parts.items():
            file = f"{name}-{number}.arrow"
            write_chunk(temporary, file, rows)
            digest = _digest(temporary / file)
            _shared(temporary / file, last, digest)
            names[name][str(number)] = (file, digest)
    write_manifest(temporary / _MANIFEST, {"version": image.version, "time": image.time, "chunks": names})
    synchronised(temporary / _MANIFEST)
    synchronised(temporary)
    temporary.rename(final)
    synchronised(directory)
    for old in newest_first(directory)[KEPT:]:
        shutil.rmtree(old)
    return final


def _shared(path: Path, last: Path | None, digest: str) -> None:
    """Keep one copy of a chunk that did not change since the ``last`` checkpoint; others are brought to the disk."""
    same = None if last is None else last / path.name
    if same is not None and same.exists() and _digest(same) == digest:
        path.unlink()
        os.link(same, path)
    else:
        synchronised(path)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "blake2b").hexdigest()
