"""What a change set means: from names to rows by id, with everything that follows from it. Pure.

In: a snapshot, a change set, the record's time. Out: a :class:`Delta` (full rows to put, keys to delete), or
:class:`ChangeRefused` with every mistake. Deletes come first, with all that depends on them; then puts; then derived
facts (sums of files, what replicas hold, times); then the rules. Read ``workspace.py``, ``puts.py``, ``presence.py``.
"""

from __future__ import annotations

from collections.abc import Mapping

from inventory.changes import ChangeSet
from inventory.errors import ChangeRefused
from inventory.resolve import content, deletes, presence, puts, rules
from inventory.resolve.delta import Delta
from inventory.resolve.workspace import Workspace
from inventory.schema import TABLES
from inventory.snapshot import Snapshot

__all__ = ["Delta", "applied", "resolve"]


def resolve(snapshot: Snapshot, changes: ChangeSet, now: int, next_ids: Mapping[str, int] | None = None) -> Delta:
    """The rows that ``changes`` puts and deletes, at ``now`` (UTC seconds). Raises ChangeRefused with all mistakes.

    ``next_ids``: first free id of each table that gives ids; without it, ids go on from the snapshot's largest.
    """
    space = Workspace(snapshot, changes, now, next_ids)
    deletes.delete_all(space)
    puts.put_all(space)
    content.derive(space)
    presence.derive(space)
    rules.check(space)
    if space.problems:
        raise ChangeRefused(space.problems)
    return space.delta()


def applied(snapshot: Snapshot, changes: ChangeSet, now: int) -> Snapshot:
    """What ``snapshot`` becomes by ``changes``, in memory; its version is the next. Raises ChangeRefused."""
    delta = resolve(snapshot, changes, now)
    frames = {name: delta.applied_to(name, snapshot.frame(name)) for name in TABLES}
    return Snapshot.from_frames(frames, snapshot.version + 1, now)
