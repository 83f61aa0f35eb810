"""Copy and deletion requests: asked for, previewed, changed, withdrawn, decided over, and followed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import polars as pl
from django.db.models import Model, QuerySet
from django.http import HttpResponseBase
from django.urls import URLPattern
from rest_framework import serializers
from rest_framework.response import Response

from inventory import client
from inventory.snapshot import Snapshot
from registry import approval, archive, cached, placing, preview
from registry.access import KNOWN, NOBODY, Access
from registry.api.asked import Asked
from registry.api.columns import Field, by_name
from registry.api.joined import Joined
from registry.api.rows import of_model, row_of
from registry.api.schema import example
from registry.api.strict import Body, Integer, Items, Text
from registry.api.writing import Call, Resource, listing, operation, route
from registry.asking import Wanted
from registry.errors import Conflict, NotThere
from registry.lifecycle import OPEN_REQUEST
from registry.models import Request, RequestAction, RequestItem, RequestKind, RequestSite
from registry.settings import registry_settings

_MOST_COPIES = 10_000
_TIME = "%Y-%m-%dT%H:%M:%SZ"


def _names(model: type[Model], column: str) -> Callable[[Snapshot, pl.DataFrame], pl.Series]:
    """The names that requests have in ``model``, sorted, as JSON lists."""

    def derive(_: Snapshot, rows: pl.DataFrame) -> pl.Series:
        numbers = rows["id"].to_list()
        lists: dict[int, list[str]] = {number: [] for number in numbers}
        found = model._default_manager.filter(request_id__in=numbers).order_by(column)
        for number, name in found.values_list("request_id", column):
            lists[number].append(name)
        return pl.Series([json.dumps(lists[number]) for number in numbers], dtype=pl.String)

    return derive


_OWN = of_model(
    Request, "id", "status", "user", "service", "group", "num_copies", "site_patterns", "reason", "first_asked", "last_asked",
    "count", "ended", "approval_rule", "decided_by", "decided", id=17, user="ann", group="AnalysisOps", num_copies=1,
)  # fmt: skip
FIELDS = by_name(
    *_OWN,
    Field("items", "json", "datasets, or blocks as dataset#block", ["/Big/Run-v1/RAW"], needs=("id",), filtered=False,
          derive=_names(RequestItem, "item")),
    Field("sites", "json", "names of the sites", ["T2_CH_CERN"], needs=("id",), filtered=False, derive=_names(RequestSite, "site")),
)  # fmt: skip
ACTIONS = by_name(*of_model(RequestAction, "id", "item", "site", "status", "reason", "updated"))


@example(items=["/Big/Run-v1/RAW"], sites=["T2_*"], group="AnalysisOps", num_copies=1)
class CopyAsked(Body):
    """Copies of items at sites; group and sites have the installation's defaults."""

    items = Items(child=Text(max_length=600), min_length=1, help_text="datasets, or blocks as dataset#block")
    sites = Items(child=Text(max_length=128), required=False, help_text="names or globs")
    group = Text(required=False, help_text="owner of the copies")
    num_copies = Integer(max_value=_MOST_COPIES, required=False, help_text="0: one at every site; default 1")


@example(items=["/Big/Run-v1/RAW#b1"], sites=["T2_CH_CERN"])
class DeletionAsked(Body):
    """Deletions of items at sites."""

    items = Items(child=Text(max_length=600), min_length=1, help_text="datasets, or blocks as dataset#block")
    sites = Items(child=Text(max_length=128), min_length=1, help_text="names or globs")


@example(group="DataOps", num_copies=2)
class CopyChanged(Body):
    """What can be changed while no engine has looked at the request."""

    group = Text(required=False)
    num_copies = Integer(max_value=_MOST_COPIES, required=False)


@example(comment="fine for this week")
class Comment(Body):
    """A word to the request's user."""

    comment = Text(max_length=4000, required=False, allow_blank=True, default="")


@example(reason="the site is to be emptied")
class Reason(Body):
    """Why; the request's user sees it."""

    reason = Text(max_length=4000)


class CachedAnswer(serializers.Serializer[Any]):
    """Kept; it becomes a request soon."""

    cached_id = serializers.IntegerField()


class Outlook(serializers.Serializer[Any]):
    """What asking would come to."""

    kind = serializers.CharField()
    items = serializers.ListField(child=serializers.CharField())
    sites = serializers.ListField(child=serializers.CharField())
    group = serializers.CharField()
    num_copies = serializers.IntegerField()
    outlook = serializers.DictField(help_text="verdict, refusal, size, num_files, parts, sources, rooms")
    counted = serializers.IntegerField(allow_null=True, help_text="the open request that would be counted once more")
    approval = serializers.CharField(help_text="the rule that would have it wait for a person")
    version = serializers.IntegerField(help_text="of the inventory")
    item_sizes = serializers.DictField(child=serializers.IntegerField())


def _shown(request: Request) -> dict[str, Any]:
    """A request that is no row any more, as rows are shown."""
    values = {name: getattr(request, name) for name in FIELDS if name not in ("items", "sites")}
    shown = {name: value.strftime(_TIME) if isinstance(value, datetime) else value for name, value in values.items()}
    return shown | {"items": sorted(map(str, request.items.all())), "sites": sorted(map(str, request.sites.all()))}


def _archived(
    kind: str, named: Mapping[str, Sequence[str]], asked: Asked, below: int | None
) -> Iterator[tuple[int, pl.LazyFrame]]:
    """Archived requests of a kind for all ``item`` and ``site`` that are named; none where only open ones are asked for."""
    statuses = [set(one.values) for one in asked.conditions if (one.field.name, one.operator) == ("status", "in")]
    if any(wanted <= set(OPEN_REQUEST) for wanted in statuses):
        return
    wanted = pl.col("kind") == kind
    for column, names in (("items", named.get("item", ())), ("sites", named.get("site", ()))):
        for name in names:
            wanted = wanted & pl.col(column).list.contains(name)
    for last, frame in archive.frames(below):
        yield last, frame.filter(wanted).with_columns(pl.col("items", "sites").list.sort())


def _actions(request: Request, asked: Asked, below: int | None) -> Iterator[tuple[int, pl.LazyFrame]]:
    rows = [{name: getattr(row, name) for name in archive.ACTION.to_schema()} for row in request.actions.all()]
    yield (
        len(rows),
        pl.LazyFrame(rows, archive.ACTION.to_schema()).with_row_index("id", offset=1).cast({"id": pl.Int64}),
    )


class _Requests(Resource):
    """What both kinds share."""

    kind: str
    address: str

    @listing(FIELDS, item="requests for all of these items", site="requests for all of these sites")
    def list(self, call: Call) -> Joined:
        """Requests of everybody, newest first, also those that ended long ago."""
        found = Request.objects.filter(kind=self.kind)
        for name, model in (("item", RequestItem), ("site", RequestSite)):
            for value in call.query.get(name, []):
                numbers: Any = model._default_manager.filter(**{name: value}).values("request_id")
                found = found.filter(pk__in=numbers)
        return Joined(found, partial(_archived, self.kind, call.query))

    @operation(answer=FIELDS)
    def show(self, call: Call) -> Request | Response:
        """One request, also one that ended long ago."""
        found, archived = self._anywhere(call)
        return Response(_shown(found)) if archived else found

    @listing(ACTIONS)
    def actions(self, call: Call) -> QuerySet[RequestAction] | Joined:
        """What an activated request comes to, by item and site; of one that ended long ago they are counted from 1."""
        found, archived = self._anywhere(call)
        return Joined(RequestAction.objects.none(), partial(_actions, found)) if archived else found.actions.all()

    @operation(answer=FIELDS)
    def cancel(self, call: Call) -> Request:
        """Withdraw a request that no engine has looked at; once more is no error."""
        return placing.cancel(self.kind, self._found(call).pk, call.asker)

    @operation(body=Comment, answer=FIELDS)
    def approve(self, call: Call) -> Request:
        """Let a waiting request go on."""
        return approval.approve(self.kind, self._found(call).pk, call.asker, call.body["comment"])

    @operation(body=Reason, answer=FIELDS)
    def reject(self, call: Call) -> Request:
        """Refuse a waiting or new request."""
        return approval.reject(self.kind, self._found(call).pk, call.asker, call.body["reason"])

    @operation(answer=FIELDS)
    def release(self, call: Call) -> Request:
        """Hand an activated or rejected request to the engines again."""
        found = self._found(call)
        placing.release(found, call.asker)
        return found

    @operation(body=Reason, answer=FIELDS)
    def fail(self, call: Call) -> Request:
        """End an open request by hand."""
        found = self._found(call)
        placing.fail(found, call.asker, call.body["reason"])
        return found

    def _found(self, call: Call) -> Request:
        """One that can change."""
        found, archived = self._anywhere(call)
        if archived:
            raise Conflict(f"{found} ended long ago and is archived: it stays as it is")
        return found

    def _anywhere(self, call: Call) -> tuple[Request, bool]:
        """The request, and whether it is archived."""
        number = call.path["number"]
        # In this order: what leaves the database meanwhile is in the archive by then.
        row = Request.objects.filter(kind=self.kind, pk=number).first()
        kept = archive.one(number, self.kind) if row is None else None
        found = row or kept
        if found is None:
            raise NotThere(f"there is no {self.kind} request {number}")
        return found, row is None

    def _made(self, call: Call, row: Request) -> Response:
        return call.made(row_of(row, FIELDS), f"/api/v1/{self.address}/{row.pk}", new=row.count == 1)


class CopyRequests(_Requests):
    """Requests for copies."""

    kind, address = RequestKind.COPY, "copy-requests"

    @operation(body=CopyAsked, answer=FIELDS, status=201, also={200: FIELDS})
    def create(self, call: Call) -> HttpResponseBase:
        """Ask for copies; an open request that contains what is asked is counted once more, and answered with 200."""
        return self._made(
            call, placing.ask_copy(client.snapshot(), call.asker, _wanted(call.body), registry_settings())
        )

    @operation(body=CopyAsked, answer=CachedAnswer, status=202)
    def keep(self, call: Call) -> Mapping[str, Any]:
        """Ask for copies at high rates: kept at once, made into a request by the next tracker run."""
        return {"cached_id": cached.keep(call.asker, _wanted(call.body), registry_settings()).pk}

    @operation(body=CopyAsked, answer=Outlook)
    def preview(self, call: Call) -> dict[str, Any]:
        """What asking would copy, from where, and where there is room; nothing is kept."""
        return preview.preview(
            client.snapshot(), self.kind, call.asker, _wanted(call.body), registry_settings()
        ).as_dict()

    @operation(body=CopyChanged, answer=FIELDS)
    def change(self, call: Call) -> Request:
        """Change group or number of copies while no engine has looked at the request."""
        return placing.change(client.snapshot(), self.kind, self._found(call).pk, call.asker, _wanted(call.body))


class DeletionRequests(_Requests):
    """Requests for deletions."""

    kind, address = RequestKind.DELETION, "deletion-requests"

    @operation(body=DeletionAsked, answer=FIELDS, status=201, also={200: FIELDS})
    def create(self, call: Call) -> HttpResponseBase:
        """Ask for deletions; an open request for just that is counted once more, and answered with 200."""
        return self._made(
            call, placing.ask_deletion(client.snapshot(), call.asker, _wanted(call.body), registry_settings())
        )

    @operation(body=DeletionAsked, answer=Outlook)
    def preview(self, call: Call) -> dict[str, Any]:
        """What asking would delete; nothing is kept."""
        return preview.preview(
            client.snapshot(), self.kind, call.asker, _wanted(call.body), registry_settings()
        ).as_dict()


def _wanted(body: Mapping[str, Any]) -> Wanted:
    return Wanted(tuple(body.get("items", ())), tuple(body.get("sites", ())), body.get("group"), body.get("num_copies"))


_ASK, _BY_HAND = Access(change=KNOWN), Access(change=("operator", "registry"))
_PREVIEW = Access(NOBODY, KNOWN, reads=True, note="only reads")
_DECIDE = Access(change=("operator", "registry"), within=True)


def _routes(resource: type[_Requests]) -> list[URLPattern]:
    name, change = resource.address, {"patch": "change"} if hasattr(resource, "change") else {}
    return [
        route(name, resource, {"get": "list", "post": "create"}, access=_ASK),
        route(f"{name}/preview", resource, {"post": "preview"}, access=_PREVIEW),
        route(f"{name}/<int:number>", resource, {"get": "show", **change}, name=f"v1-{name}-one", access=_ASK),
        route(f"{name}/<int:number>/actions", resource, {"get": "actions"}, name=f"v1-{name}-actions"),
        *(
            route(f"{name}/<int:number>/{verb}", resource, {"post": verb}, name=f"v1-{name}-{verb}", access=access)
            for verb, access in (
                ("cancel", _ASK), ("approve", _DECIDE), ("reject", _DECIDE), ("release", _BY_HAND), ("fail", _BY_HAND),
            )
        ),
    ]  # fmt: skip


urlpatterns = [
    route("copy-requests/cached", CopyRequests, {"post": "keep"}, access=_ASK),
    *_routes(CopyRequests),
    *_routes(DeletionRequests),
]
