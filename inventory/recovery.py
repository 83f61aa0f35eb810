"""Where a server starts from: the newest good checkpoint or the tables, and the log from there on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog

from inventory import checkpoint, followers, log
from inventory.errors import InventoryError, RecordsDropped
from inventory.image import Image

_LOG = structlog.get_logger(__name__)


class SourceUnusable(InventoryError):
    """A checkpoint or the tables cannot be what a server starts from; the text says why."""


def recovered(head: int, checkpoints: Path | None = None) -> tuple[Image, str]:
    """The image at record ``head`` and what it was made from. Raises SourceUnusable when there is no way to it."""
    reasons = []
    for name, load in _sources(checkpoints):
        try:
            image = replayed(load(), head)
        except (SourceUnusable, RecordsDropped, checkpoint.CheckpointDamaged, followers.TablesUnfinished) as error:
            reasons.append(f"{name}: {error}")
            _LOG.error("inventory_source_refused", source=name, reason=str(error))
        else:
            return image, name
    raise SourceUnusable("no source leads to the newest version:\n  " + "\n  ".join(reasons))


def replayed(image: Image, head: int) -> Image:
    """``image`` with the records up to ``head`` applied. Raises SourceUnusable or RecordsDropped when one is missing."""
    if image.version > head:
        raise SourceUnusable(f"it is at record {image.version}, the log ends at {head}: it belongs to another database")
    for record in log.records_after(image.version, head):
        if record.sequence != image.version + 1:
            raise SourceUnusable(f"the log goes on with record {record.sequence} after {image.version}")
        image = image.after(record.delta, record.sequence, record.time)
    if image.version != head:
        raise SourceUnusable(f"the log lacks the records from {image.version + 1} to {head}")
    return image


def _sources(checkpoints: Path | None) -> Iterator[tuple[str, Callable[[], Image]]]:
    if checkpoints is not None:
        for directory in checkpoint.newest_first(checkpoints):
            yield f"checkpoint {directory.name}", functools.partial(checkpoint.load, directory)
    yield "tables", followers.read_tables
    yield "log", lambda: Image.from_frames({})
