"""Locks: keeping Detox off data, and stopping applications."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from dynamo_client.decoding import records
from dynamo_client.descriptors import listing, verb
from dynamo_client.effects import Rows, Steps
from dynamo_client.moments import moment
from dynamo_client.paging import listed
from dynamo_client.records import ApplicationLock, Lock
from dynamo_client.verbs.base import Base, several


class LockVerbs(Base):
    """Verbs on Detox locks and locks of applications."""

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
    def lock_many(
        self,
        items: str | Iterable[str],
        expires: str | datetime,
        *,
        sites: str | Iterable[str] = (),
        groups: str = "",
        comment: str = "",
    ) -> Steps[list[Lock]]:
        """A lock on each of ``items`` at each of ``sites`` (globs; none: one at all sites): all are set, or none."""
        body = {
            "items": several(items), "sites": several(sites), "expires": moment(expires), "groups": groups, "comment": comment,
        }  # fmt: skip
        return records(Lock, (yield from self._post("locks/many", body))["results"])

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

    @verb
    def lock_application(
        self, application: str, *, note: str = "", expires: str | datetime | None = None
    ) -> Steps[ApplicationLock]:
        """Stop an application, or stand in its queue (``holds`` tells), until the lock is given back or expires."""
        body = {"application": application, "note": note, "expires": None if expires is None else moment(expires)}
        return ApplicationLock.of((yield from self._post("application-locks", body)))

    @verb
    def unlock_application(self, number: int) -> Steps[None]:
        """Give back a lock of an application, or a place in its queue."""
        yield from self._delete(f"application-locks/{number}")

    @listing
    def application_locks(self, /, **filters: Any) -> Rows[ApplicationLock]:
        """Who holds which application, and who waits for it in which order; by application, user …"""
        yield from listed(self.session, ApplicationLock, "application-locks", {"order": "application,id", **filters})
