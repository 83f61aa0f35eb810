"""The image as files that local readers map: Arrow files by chunk, and a manifest per version that lists them.

Writers make files under names that were never used and rename a manifest into place; readers hold what they have
mapped whatever is unlinked later.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from inventory.errors import InventoryError, VersionGone
from inventory.image import Chunks, Image
from inventory.schema import TABLES

CURRENT = "current.json"
_KEPT_SECONDS = 30


class ImageUnreadable(InventoryError):
    """The manifest or a file of an image cannot be read."""


def write_chunk(directory: Path, name: str, rows: pl.DataFrame) -> None:
    """Write ``rows`` so that they can be mapped; under a temporary name first."""
    temporary = directory / f".{name}.tmp"
    rows.write_ipc(temporary, compression="uncompressed")
    temporary.rename(directory / name)


def write_manifest(path: Path, manifest: dict[str, Any]) -> None:
    """Replace the manifest at ``path`` at once."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(manifest))
    temporary.rename(path)


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest at ``path``. Raises VersionGone when there is none, ImageUnreadable when it is damaged."""
    try:
        manifest = json.loads(path.read_text())
    except FileNotFoundError:
        raise VersionGone(f"{path} is not there") from None
    except (OSError, ValueError) as error:
        raise ImageUnreadable(f"{path}: {error}") from error
    if not isinstance(manifest, dict) or not {"version", "time", "chunks"} <= set(manifest):
        raise ImageUnreadable(f"{path} is no manifest of an image")
    return manifest


def mapped(path: Path) -> pl.DataFrame:
    """The rows of a chunk's file, mapped. Raises VersionGone, ImageUnreadable."""
    try:
        # Arrow's own reader: Polars' copies what it reads.
        with pa.memory_map(str(path)) as source:
            rows = pl.from_arrow(pa.ipc.open_file(source).read_all(), rechunk=False)
    except FileNotFoundError:
        raise VersionGone(f"{path} is not there any more") from None
    except (OSError, pa.ArrowException, pl.exceptions.PolarsError) as error:
        raise ImageUnreadable(f"{path}: {error}") from error
    if not isinstance(rows, pl.DataFrame):
        raise ImageUnreadable(f"{path} holds no table")
    return rows


class Store:
    """The leader's side of the image directory: publishes versions, and takes away what nobody needs any more.

    The last ``kept`` versions stay, and those younger than some seconds: readers that read a manifest just now
    find its files.
    """

    def __init__(self, directory: Path, kept: int, about: dict[str, Any] | None = None) -> None:
        self.directory, self.kept, self._about = directory, kept, about or {}
        self._run = secrets.token_hex(4)
        self._files: dict[tuple[str, int], tuple[pl.DataFrame, str]] = {}
        self._manifests: list[tuple[float, Path, set[str]]] = []
        directory.mkdir(parents=True, exist_ok=True)
        self._foreign = self._left_by_others()

    def publish(self, image: Image) -> Image:
        """Write what is new in ``image`` and make it the current version; returns it as mapped."""
        chunks: Chunks = {name: {} for name in TABLES}
        names: dict[str, dict[str, str]] = {name: {} for name in TABLES}
        for name, parts in image.chunks.items():
            for number, rows in parts.items():
                chunks[name][number], names[name][str(number)] = self._written(name, number, rows, image.version)
        manifest = {"version": image.version, "time": image.time, "chunks": names, **self._about}
        path = self.directory / f"{image.version}.json"
        write_manifest(path, manifest)
        write_manifest(self.directory / CURRENT, manifest)
        self._manifests.append((time.monotonic(), path, {file for parts in names.values() for file in parts.values()}))
        self._clean()
        return Image(image.version, image.time, chunks)

    def _left_by_others(self) -> list[Path]:
        """Files that go when the first version is published. What no reader can find goes now: there has to be room."""
        files = [path for path in self.directory.iterdir() if path.suffix in (".arrow", ".tmp", ".json")]
        try:
            parts = read_manifest(self.directory / CURRENT)["chunks"]
        except (VersionGone, ImageUnreadable):
            parts = {}
        named = {CURRENT, *(file for numbers in parts.values() for file in numbers.values())}
        for path in files:
            if path.name not in named:
                path.unlink(missing_ok=True)
        return [path for path in files if path.name in named]

    def _written(self, table: str, number: int, rows: pl.DataFrame, version: int) -> tuple[pl.DataFrame, str]:
        known = self._files.get((table, number))
        if known is None or known[0] is not rows:
            file = f"{table}-{number}-{version}-{self._run}.arrow"
            write_chunk(self.directory, file, rows)
            known = self._files[table, number] = (mapped(self.directory / file), file)
        return known

    def _clean(self) -> None:
        # What an earlier server left could be read until now.
        for path in self._foreign:
            if path.name != CURRENT and path != self._manifests[0][1]:
                path.unlink(missing_ok=True)
        self._foreign = []
        old = time.monotonic() - _KEPT_SECONDS
        gone: set[str] = set()
        while len(self._manifests) > self.kept and self._manifests[0][0] < old:
            _, path, files = self._manifests.pop(0)
            path.unlink(missing_ok=True)
            gone |= files
        if gone:
            used = {file for _, _, files in self._manifests for file in files}
            for file in gone - used:
                (self.directory / file).unlink(missing_ok=True)


def synchronised(path: Path) -> None:
    """Have the file or directory at ``path`` on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
