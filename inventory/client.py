"""What other components see of the inventory: snapshots and commits.

    snapshot = client.snapshot()
    commit = client.commit(ChangeSet("alice", token).put("sites", [{"name": "T2_US_MIT"}]))

Snapshots come by memory map where the server's image directory is, else over the network. Tests and tools that are the
leader themselves give a backend with :func:`using`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from inventory.changes import ChangeSet
from inventory.errors import InventoryUnavailable, VersionGone
from inventory.log import Commit
from inventory.snapshot import Snapshot

__all__ = ["Backend", "Commit", "as_of", "commit", "snapshot", "status", "using"]


class Backend(Protocol):
    """Whoever has versions and takes change sets: a leader in this process, or a server."""

    def snapshot(self, at_least: int | None = None, version: int | None = None) -> Snapshot:
        """See :func:`snapshot`."""

    def commit(self, changes: ChangeSet) -> Commit:
        """See :func:`commit`."""

    def status(self) -> dict[str, Any]:
        """See :func:`status`."""


_chosen: list[Backend] = []


def snapshot(at_least: int | None = None, version: int | None = None) -> Snapshot:
    """The newest version, not older than what this process committed; one with ``at_least``; or exactly ``version``.

    Raises InventoryUnavailable, VersionGone.
    """
    if version is not None:
        return _backend().snapshot(version=version)
    return _backend().snapshot(at_least=at_least)


def as_of(version: int | None = None, time: int | None = None) -> Snapshot:
    """Any retained version: with the number ``version``, or the one that was newest at ``time`` (UTC seconds).

    Made from checkpoints, history and log unless it is at hand: seconds for a large inventory. Raises VersionGone, which
    tells what is retained.
    """
    from inventory.history import asof

    if version is not None:
        try:
            return _backend().snapshot(version=version)
        except (VersionGone, InventoryUnavailable):
            return asof.as_of(version)
    return asof.as_of(time=time)


def commit(changes: ChangeSet) -> Commit:
    """Have ``changes`` applied as a whole, once. Raises ChangeRefused, TurnLost, InventoryUnavailable.

    After InventoryUnavailable the change set may or may not be applied: send the same again, it is applied once.
    """
    return _backend().commit(changes)


def status() -> dict[str, Any]:
    """Version, epoch, counts, followers' lag and memory of the inventory's server. Raises InventoryUnavailable."""
    return _backend().status()


@contextmanager
def using(backend: Backend) -> Iterator[None]:
    """Have this process use ``backend`` inside the block."""
    _chosen.append(backend)
    try:
        yield
    finally:
        _chosen.remove(backend)


def _backend() -> Backend:
    return _chosen[-1] if _chosen else _server()


@functools.cache
def _server() -> Backend:
    from inventory.remote import ServerBackend

    return ServerBackend.from_settings()
