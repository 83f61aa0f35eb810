"""Locks: keeping Detox off data."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dynamo_client.descriptors import listing, verb
from dynamo_client.effects import Rows, Steps
from dynamo_client.moments import moment
from dynamo_client.paging import listed
from dynamo_client.records import Lock
from dynamo_client.verbs.base import Base


class LockVerbs(Base):
    """Verbs on Detox locks."""

    @verb
    def lock(
        self,
        item: str,
        expires: str | datetime,
        *,
        sites: str = "",
        groups: str = "",
        comment: str = "",
    ) -> Steps[Lock]:
        """Keep Detox off ``item`` (dataset, glob, or ``dataset#block``) at ``sites``, of ``groups`` (globs; empty: all) until it expires."""
        body = {"item": item, "expires": moment(expires), "sites": sites, "groups": groups, "comment": comment}
        found = yield from self._post("locks", body)
        return Lock.of(found)

    @verb
    def unlock(self, number: int) -> Steps[Lock]:
        """Release a lock."""
        found = yield from self._post(f"locks/{number}/release")
        return Lock.of(found)

    @listing
    def locks(self, /, *, in_force: bool = True, **filters: Any) -> Rows[Lock]:
        """Locks by user, item, …, the newest first; without ``in_force`` also those that are released or have expired."""
        now = {"unlocked__null": "true", "expires__gt": "now"} if in_force else {}
        yield from listed(self.session, Lock, "locks", {**now, **filters})
