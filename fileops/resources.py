"""File operations under ``/api/v1/``: transfers, deletions, what is held and why, everything that was tried; release and giving up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from fileops import rate_resources, release, reports
from fileops.lifecycle import ImpossibleTransition, Reason, State
from fileops.models import Attempt, Operation, Subscription
from registry.access import Access
from registry.api.columns import by_name
from registry.api.problems import TOLD_AS, Invalid, Wrong
from registry.api.rows import of_model
from registry.api.schema import example
from registry.api.strict import Body, Boolean, Choice, Integer, Items, Text
from registry.api.writing import Call, Resource, listing, operation, route

TOLD_AS[ImpossibleTransition] = "conflict"
_MOST_CHOSEN = 10_000
FIELDS = by_name(*of_model(
    Subscription, "id", "operation", "state", "reason", "site", "source", "lfn", "dataset", "block", "size", "attempts", "message",
    "cause", "author", "created", "updated", "not_before", "batch", "reported", state="held", reason="no_source", size=4_000_000_000,
))  # fmt: skip
ATTEMPTS = by_name(*of_model(
    Attempt, "id", "subscription", "operation", "lfn", "dataset", "source", "destination", "size", "created", "submitted", "started",
    "finished", "exit_code", "side", "message", "batch",
))  # fmt: skip


@example(sites=["T2_CH_CERN"], reasons=["no_source"])
class Chosen(Body):
    """Which held operations; without any condition `all` has to be true."""

    sites = Items(child=Text(max_length=128), required=False, default=list)
    reasons = Items(child=Choice(choices=[reason.value for reason in Reason]), required=False, default=list)
    ids = Items(child=Integer(), required=False, default=list, max_length=_MOST_CHOSEN)
    all = Boolean(required=False, default=False)


@example(reason="the file is lost everywhere")
class GivenUp(Body):
    """Why it is given up."""

    reason = Text(max_length=1000)


class Released(serializers.Serializer[Any]):
    """How many are tried again."""

    released = serializers.IntegerField()


class Standing(serializers.Serializer[Any]):
    """Where file operations stand, in numbers of files."""

    open = serializers.DictField(child=serializers.IntegerField(), help_text="by state")
    held = serializers.DictField(child=serializers.IntegerField(), help_text="by reason")
    unreported = serializers.IntegerField(help_text="done, and not yet in the inventory")
    overdue = serializers.IntegerField(help_text="open for longer than limit_days")
    oldest = serializers.DateTimeField(allow_null=True)
    limit_days = serializers.FloatField()


class _Operations(Resource):
    of: str

    @listing(FIELDS)
    def list(self, call: Call) -> QuerySet[Subscription]:
        """Files, newest first: waiting, under way, held, done and cancelled ones; `state` chooses."""
        return Subscription.objects.filter(operation=self.of)

    @operation(answer=FIELDS)
    def show(self, call: Call) -> Subscription:
        """One file."""
        return _found(call, operation=self.of)

    @listing(ATTEMPTS)
    def attempts(self, call: Call) -> QuerySet[Attempt]:
        """Everything that was tried for a file, newest first."""
        return Attempt.objects.filter(subscription=_found(call, operation=self.of).pk)


class Transfers(_Operations):
    """Copies of files to sites."""

    of = Operation.COPY


class Deletions(_Operations):
    """Deletions of files at sites, also of those that the inventory does not know."""

    of = Operation.DELETE


class Attempts(Resource):
    """Everything that was tried."""

    @listing(ATTEMPTS)
    def list(self, call: Call) -> QuerySet[Attempt]:
        """Attempts, newest first; `finished__ge=2030-01-31T12:00:00Z`, `exit_code__not=0` and the like choose."""
        return Attempt.objects.all()


class Held(Resource):
    """What cannot be done until something changes."""

    @listing(FIELDS)
    def list(self, call: Call) -> QuerySet[Subscription]:
        """Held files with the reason."""
        return Subscription.objects.filter(state=State.HELD)

    @operation(body=Chosen, answer=Released)
    def release(self, call: Call) -> Mapping[str, Any]:
        """Have held files, and those that wait for their next attempt, tried at once, all sources forgiven."""
        given = call.body
        try:
            rows = release.chosen(given["sites"], given["reasons"], given["ids"], everything=given["all"])
        except release.NothingChosen as error:
            raise Invalid([Wrong("all", str(error))]) from None
        return {"released": release.release(rows, call.caller)}

    @operation(body=GivenUp, answer=FIELDS)
    def fail(self, call: Call) -> Subscription:
        """Give up an open file: nobody wants it done any more."""
        row = _found(call)
        release.give_up(row, call.caller, call.body["reason"])
        return row


class FileOperations(Resource):
    """The whole."""

    @operation(answer=Standing)
    def show(self, call: Call) -> Mapping[str, Any]:
        """Where file operations stand."""
        return reports.status().as_dict()


def _found(call: Call, **more: Any) -> Subscription:
    return call.one(Subscription.objects.filter(**more), "there is no such file operation")


_OPERATE = Access(change=("operator", "fileops"), target="fileops", within=True)
urlpatterns = [
    *rate_resources.urlpatterns,
    *(
        pattern
        for name, resource in (("transfers", Transfers), ("deletions", Deletions))
        for pattern in (
            route(name, resource, {"get": "list"}),
            route(f"{name}/<int:number>", resource, {"get": "show"}, name=f"v1-{name}-one"),
            route(f"{name}/<int:number>/attempts", resource, {"get": "attempts"}, name=f"v1-{name}-attempts"),
        )
    ),
    route("attempts", Attempts, {"get": "list"}),
    route("file-operations", FileOperations, {"get": "show"}),
    route("held", Held, {"get": "list"}),
    route("held/release", Held, {"post": "release"}, access=_OPERATE),
    route("held/<int:number>/fail", Held, {"post": "fail"}, name="v1-held-fail", access=_OPERATE),
]
