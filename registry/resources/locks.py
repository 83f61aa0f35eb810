"""Detox locks, and locks that stop applications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import serializers

from inventory.snapshot import Snapshot
from registry import locks, operating
from registry.access import KNOWN, Access
from registry.api.columns import Field, by_name
from registry.api.rows import of_model, row_of
from registry.api.schema import example
from registry.api.strict import Body, Items, Moment, Text
from registry.api.writing import Call, Resource, listing, operation, route
from registry.errors import NotThere, Refused
from registry.models import DetoxLock
from scheduler import applock
from scheduler.models import ApplicationLock

MOST = 10_000
"""Locks that one call sets at most."""
FIELDS = by_name(*of_model(
    DetoxLock, "id", "user", "service", "item", "sites", "groups", "comment", "locked", "expires", "unlocked",
    id=3, item="/Big/*/RAW", sites="T2_*",
))  # fmt: skip


def _holding(_: Snapshot, rows: pl.DataFrame) -> pl.Series:
    """Whether each lock is one of who holds its application, and does not wait for it."""
    return rows["id"].is_in(applock.holding())


HELD = by_name(
    *of_model(
        ApplicationLock, "id", "application", "user", "service", "note", "locked_at", "expires", application="detox"
    ),
    Field("holds", "boolean", "whether this stops the application; else it waits until those before it are given back", True,
          needs=("id",), filtered=False, derive=_holding),
)  # fmt: skip


@example(
    item="/Big/Run-v1/RAW", sites="T2_*", expires="2030-01-31T12:00:00Z", comment="needed for the summer conferences"
)
class LockWished(Body):
    """One lock; empty sites or groups: all."""

    item = Text(max_length=768, help_text="dataset or glob, or dataset#block")
    sites = Text(required=False, allow_blank=True, default="", help_text="name or glob")
    groups = Text(required=False, allow_blank=True, default="", help_text="name or glob")
    expires = Moment()
    comment = Text(max_length=4000, required=False, allow_blank=True, default="")


@example(locks=[{"item": "/Big/Run-v1/RAW", "expires": "2030-01-31T12:00:00Z"}])
class LocksWished(Body):
    """Many locks."""

    locks = Items(child=LockWished(), max_length=MOST)


@example(
    items=["/Big/Run-v1/RAW", "/Small/Run-v1/RAW"], sites=["T2_CH_*", "T2_US_MIT"], expires="2030-01-31T12:00:00Z", comment="moved to tape"
)  # fmt: skip
class ManyWished(Body):
    """A lock for each item at each of the sites; no sites: one for each item, at all sites."""

    items = Items(child=Text(max_length=768), min_length=1, max_length=MOST, help_text="datasets, globs, dataset#block")
    sites = Items(child=Text(), required=False, default=list, max_length=MOST, help_text="names or globs")
    groups = Text(required=False, allow_blank=True, default="", help_text="name or glob")
    expires = Moment()
    comment = Text(max_length=4000, required=False, allow_blank=True, default="")


@example(application="detox", note="disks are exchanged at CERN")
class HoldWished(Body):
    """An application to be stopped."""

    application = Text(max_length=64)
    note = Text(max_length=4000, required=False, allow_blank=True, default="")
    expires = Moment(required=False, help_text="when it is given back by itself; without it never")


class LockList(serializers.Serializer[Any]):
    """Locks that now hold."""

    results = serializers.ListField(child=serializers.DictField())


class Locks(Resource):
    """What keeps Detox off data."""

    largest_body = 16 * 1024 * 1024

    @listing(FIELDS)
    def list(self, call: Call) -> QuerySet[DetoxLock]:
        """Locks, newest first, also expired and released ones: `unlocked__null=true` and `expires__gt=now` leave those in force."""
        return DetoxLock.objects.all()

    @operation(body=LockWished, answer=FIELDS, status=201)
    def create(self, call: Call) -> Any:
        """Set a lock; the same again gets the new expiry and comment."""
        lock = locks.set_locks([locks.Wish(**call.body)], call.caller.name, call.caller.service)[0]
        return call.made(row_of(lock, FIELDS), f"/api/v1/locks/{lock.pk}")

    @operation(body=LocksWished, answer=LockList)
    def replace(self, call: Call) -> Mapping[str, Any]:
        """Make the caller's locks (of this service) exactly these: set them, release all others."""
        wishes = [locks.Wish(**wish) for wish in call.body["locks"]]
        return _listed(locks.replace(wishes, call.caller.name, call.caller.service))

    @operation(body=ManyWished, answer=LockList)
    def set_many(self, call: Call) -> Mapping[str, Any]:
        """Set locks on many items at many sites, all of them or none; those that are there get the new expiry and comment."""
        body = call.body
        sites = dict.fromkeys(body["sites"] or [""])
        items = dict.fromkeys(body["items"])
        if len(items) * len(sites) > MOST:
            raise Refused(
                f"items: {len(items)} items at {len(sites)} sites are more than {MOST} locks; use globs, or ask in parts"
            )
        wishes = [
            locks.Wish(item, body["expires"], site, body["groups"], body["comment"]) for item in items for site in sites
        ]
        return _listed(locks.set_locks(wishes, call.caller.name, call.caller.service))

    @operation(answer=FIELDS)
    def show(self, call: Call) -> DetoxLock:
        """One lock."""
        return locks.existing([call.path["number"]]).get()

    @operation(answer=FIELDS)
    def release(self, call: Call) -> DetoxLock:
        """Release a lock: one's own, or any as an operator of Detox or of the registry; once more is no error."""
        chosen = locks.existing([call.path["number"]])
        locks.release(chosen, call.caller)
        return chosen.get()


def _listed(made: Sequence[DetoxLock]) -> Mapping[str, Any]:
    shown = ("item", "sites", "groups", "comment", "locked", "expires", "user", "service", "unlocked")
    return {"results": [{"id": lock.pk, **{name: getattr(lock, name) for name in shown}} for lock in made]}


class ApplicationLocks(Resource):
    """Who stopped which application, and who waits for it."""

    @listing(HELD)
    def list(self, call: Call) -> QuerySet[ApplicationLock]:
        """Locks of applications; of each the oldest holds it, the others wait in their order."""
        return applock.in_force(timezone.now())

    @operation(body=HoldWished, answer=HELD, status=201)
    def create(self, call: Call) -> Any:
        """Ask for an application: it is stopped for others once the lock is the oldest."""
        caller, body = call.caller, call.body
        operating.stop(caller, body["application"], body["note"], body.get("expires"))
        mine = ApplicationLock.objects.filter(
            application=call.body["application"], user=caller.name, service=caller.service
        )
        row = mine.order_by("-id").first()
        if row is None:
            raise NotThere("the lock was taken back at once")
        return call.made(row_of(row, HELD), f"/api/v1/application-locks/{row.pk}")

    @operation()
    def take_back(self, call: Call) -> None:
        """Take back a lock or a place in the queue: one's own, or any as an admin of applications."""
        operating.take_back(call.caller, call.path["number"])


_MINE, _STOP = Access(change=KNOWN), Access(change=("operator", "application"))
urlpatterns = [
    route("locks", Locks, {"get": "list", "post": "create", "put": "replace"}, access=_MINE),
    route("locks/many", Locks, {"post": "set_many"}, access=_MINE),
    route("locks/<int:number>", Locks, {"get": "show"}, name="v1-locks-one"),
    route("locks/<int:number>/release", Locks, {"post": "release"}, name="v1-locks-release", access=_MINE),
    route("application-locks", ApplicationLocks, {"get": "list", "post": "create"}, access=_STOP),
    route(
        "application-locks/<int:number>",
        ApplicationLocks,
        {"delete": "take_back"},
        name="v1-application-locks-one",
        access=_STOP,
    ),
]
