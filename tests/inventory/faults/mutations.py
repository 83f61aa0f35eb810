"""Ways to break the product that schedules have to notice: what shows that they can fail."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import transaction

from inventory import checkpoint, followers, leader, log, store
from inventory.errors import InventoryUnavailable
from inventory.log_models import Leadership, UpdateRecord


def broken(mutation: str) -> None:
    """Break the product in this process as ``mutation`` says; "" breaks nothing."""
    if mutation:
        MUTATIONS[mutation]()


def _position_in_its_own_transaction() -> None:
    """The tables' rows and how far they are are not written together."""

    class Transactions:
        @staticmethod
        def atomic() -> contextlib.AbstractContextManager[None]:
            return contextlib.nullcontext()

    followers.transaction = Transactions  # type: ignore[attr-defined]
    real = followers._locked_position

    def locked() -> Any:
        with transaction.atomic():
            return real()

    followers._locked_position = locked  # type: ignore[assignment]


def _manifest_before_chunks() -> None:
    """Readers can find a version whose files are not there yet."""
    real, write = store.Store._published, store.write_manifest

    def published(self: store.Store, image: Any) -> Any:
        names = {name: {number: (f"{name}-{number}-{image.version}-{self._run}.arrow", rows.height)
                        for number, rows in parts.items()} for name, parts in image.chunks.items()}  # fmt: skip
        path = self.directory / f"{image.version}.{self._run}.json"
        write(path, {"version": image.version, "time": image.time, "chunks": names})
        write(self.directory / store.CURRENT, {"version": image.version, "time": image.time, "manifest": path.name})
        return real(self, image)

    store.Store._published = published  # type: ignore[method-assign]


def _checkpoint_not_synchronised() -> None:
    """A checkpoint gets its name before its files are on the disk."""
    checkpoint.synchronised = lambda path: None  # type: ignore[attr-defined]


def _checkpoint_not_renamed() -> None:
    """A checkpoint has its name from its first file on."""
    real = checkpoint.Checkpoints._written

    def written(self: checkpoint.Checkpoints, image: Any, temporary: Path) -> Path:
        temporary.parent.mkdir(parents=True, exist_ok=True)
        (self.directory / str(image.version)).mkdir(exist_ok=True)
        return real(self, image, temporary)

    checkpoint.Checkpoints._written = written  # type: ignore[method-assign]


def _acknowledged_before_commit() -> None:
    """The answer goes out, and the records are written by whoever comes next."""
    real, late = log.append, []

    def append(*arguments: Any) -> dict[str, Any]:
        while late:
            real(*late.pop(0))
        late.append(arguments)
        return {}

    log.append = append


def _not_recognised() -> None:
    """A change set that is sent again is applied again."""
    real, create = log.answers, UpdateRecord.objects.create
    log.answers = lambda transaction_ids: {}

    def created(**columns: Any) -> Any:
        if real([columns["transaction"]]):
            columns["transaction"] += f"-{os.getpid()}"
        return create(**columns)

    UpdateRecord.objects.create = created  # type: ignore[method-assign]


def _no_fence() -> None:
    """A leader that was overtaken goes on writing."""
    log._locked = lambda epoch: Leadership.objects.select_for_update().get()


def _told_before_known() -> None:
    """After a COMMIT that was not answered, senders are told that nothing was changed."""

    def found_out(self: leader.Leader, error: Exception) -> dict[str, Any]:
        told = InventoryUnavailable(f"{error}: nothing was changed")
        return dict.fromkeys(self._unsure, told)

    leader.Leader._found_out = found_out  # type: ignore[method-assign]


MUTATIONS: dict[str, Callable[[], None]] = {
    "position-in-its-own-transaction": _position_in_its_own_transaction,
    "manifest-before-chunks": _manifest_before_chunks,
    "checkpoint-not-synchronised": _checkpoint_not_synchronised,
    "checkpoint-not-renamed": _checkpoint_not_renamed,
    "acknowledged-before-commit": _acknowledged_before_commit,
    "not-recognised": _not_recognised,
    "no-fence": _no_fence,
    "told-before-known": _told_before_known,
}
"""By name."""
