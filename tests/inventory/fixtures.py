"""An inventory for tests: a leader in the test's process, over the test's database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from inventory.changes import ChangeSet
    from inventory.client import Commit
    from inventory.leader import Leader
    from inventory.snapshot import Snapshot


@dataclass(frozen=True)
class TestInventory:
    """The inventory that ``inventory.client`` uses during the test. ``follow`` brings the relational tables up to date."""

    __test__ = False
    leader: Leader

    def commit(self, changes: ChangeSet) -> Commit:
        from inventory import client

        return client.commit(changes)

    def snapshot(self, **which: Any) -> Snapshot:
        from inventory import client

        return client.snapshot(**which)

    def put(self, **tables: list[dict[str, Any]]) -> Commit:
        """Commit rows by table: ``inventory.put(sites=[{"name": "T2_A"}], …)``."""
        from inventory.changes import ChangeSet

        changes = ChangeSet("tester", token=self.leader_token)
        for name, rows in tables.items():
            changes.put(name, rows)
        return self.commit(changes)

    @property
    def leader_token(self) -> int:
        """The largest token seen, which may still write."""
        from inventory.log import leadership

        return leadership().token

    def follow(self) -> None:
        from inventory import followers

        while followers.follow():
            pass


@pytest.fixture
def inventory(db: None) -> Iterator[TestInventory]:
    """An empty inventory led by this process; what is committed is rolled back with the test's database."""
    from inventory import client, log
    from inventory.leader import Leader
    from inventory.recovery import recovered

    row = log.take_lead()
    image, _ = recovered(row.head)
    leader = Leader(row.epoch, image, row.next_ids)
    with client.using(leader):
        yield TestInventory(leader)
