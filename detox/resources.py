"""Detox under ``/api/v1/``: cycles, what they decided and why, confirming one that the guard refused, and what-if comparisons."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import polars as pl
from django.db import transaction
from django.db.models import QuerySet

from detox import comparing, confirming, explain, history, line_resources, monitor, ordering, tasks
from detox.asking import Question
from detox.counterfactual import kept
from detox.counterfactual.search import FOR_THE_WEB
from detox.given import CannotExplain
from detox.models import Comparison, Cycle, CycleSite
from detox.policies import PolicyUnreadable
from detox.whatif import CannotCompare
from registry.access import KNOWN, Access
from registry.api.columns import by_name
from registry.api.problems import TOLD_AS
from registry.api.rows import of_model
from registry.api.schema import example
from registry.api.strict import Body, Boolean, Integer, Items, Query, Text
from registry.api.tables import field, table
from registry.api.writing import ACCEPTED, Call, Resource, listing, operation, route
from registry.errors import Busy
from scheduler.sending import NoBroker, queue

TOLD_AS.update({
    monitor.CycleUnknown: "not-found", history.NotKept: "gone", CannotExplain: "not-found", PolicyUnreadable: "refused",
    confirming.CannotConfirm: "conflict", comparing.ComparisonBusy: "conflict", CannotCompare: "refused",
})  # fmt: skip
FIELDS = by_name(*of_model(
    Cycle, "id", "partition", "state", "test", "author", "comment", "started", "ended", "run", "version", "policy_file",
    "policy_version", "policy_digest", "policy_note", "passes", "error", "guard", "confirms", partition="Physics",
))  # fmt: skip
WHOLE = by_name(*FIELDS.values(), *of_model(Cycle, "policy", "lines", "settings", "partitions", "now", "inputs_kept"))
SITES = by_name(*of_model(
    CycleSite, "site", "status", "state", "quota", "occupied_before", "occupied_after", "triggered", "protected", "kept", "deleted",
    "num_deleted", "num_reowned", "reason", "committed_version",
))  # fmt: skip
DECISIONS = by_name(
    field("site", "text", "site", "T2_CH_CERN"), field("dataset", "text", "dataset", "/Big/Run-v1/RAW"),
    field("decision", "choice", "which list", "deleted", choices=history.DECISIONS),
    field("line", "integer", "number of the policy line that decided; 0: the default", 3),
    field("num_blocks", "integer", "block replicas", 12), field("size", "integer", "bytes", 1_000_000, unit="bytes"),
)  # fmt: skip
COMPARISONS = by_name(*of_model(Comparison, "id", "author", "state", "created", "ended", "question", "error"))
ANSWERED = by_name(*COMPARISONS.values(), *of_model(Comparison, "answer"))
STORY = {
    "type": "object", "additionalProperties": True,
    "description": "`outcome` by list and line, `looks` with every line of the stack, its tests and the values they saw, and what the cycle says of the site.",
    "required": ["cycle", "site", "dataset", "outcome", "looks", "values_kept"],
}  # fmt: skip
TURNING = {
    "type": "object",
    "additionalProperties": True,
    "description": "What `manage.py detox explain` tells of changes: each with what it would have made of the replica.",
}
_DECIDING = threading.BoundedSemaphore(1)
"""Decides a cycle again many times: one such question at a time."""
PARTITIONS = {
    "type": "array",
    "items": {
        "type": "object", "required": ["id", "name", "cycle", "ended", "monitored", "late"],
        "properties": {
            "id": {"type": "integer"}, "name": {"type": "string"}, "cycle": {"type": "integer", "description": "its newest cycle"},
            "ended": {"type": "integer", "description": "UTC seconds"}, "monitored": {"type": "boolean"},
            "late": {"type": "boolean", "description": "it has had no cycle for long"},
        },
    },
}  # fmt: skip


@example(policy="Physics.txt")
class DetoxCycleWished(Body):
    """A cycle of a policy, by the name of its file."""

    policy = Text()


class Explained(Query):
    """Which decision."""

    site = Text()
    dataset = Text(max_length=800, help_text="a dataset, or a block as dataset#block")


class Tests(Query):
    """Cycles that changed something, or test runs."""

    test = Boolean(default=False)


@example(subject="Physics", quotas=["T2_CH_CERN=500"], statuses=["T2_US_MIT=MORGUE"])
class ComparisonWished(Body):
    """What is to be compared with what is in force; see `manage.py detox compare`."""

    subject = Text(help_text="a partition, or a policy by name")
    policy = Text(
        max_length=200_000, required=False, allow_null=True, default=None, help_text="text of the changed policy"
    )
    quotas = Items(child=Text(), required=False, default=list, max_length=1000, help_text="SITE=TB or SITE=none")
    statuses = Items(child=Text(), required=False, default=list, max_length=1000, help_text="SITE=STATUS")
    locks = Items(
        child=Text(max_length=1100), required=False, default=list, max_length=1000, help_text="ITEM[@SITE[@GROUP]]"
    )
    unlocks = Items(
        child=Text(max_length=1100), required=False, default=list, max_length=1000, help_text="ITEM[@SITE[@GROUP]]"
    )
    cycle = Integer(required=False, allow_null=True, default=None, help_text="on what a kept cycle was made of")
    version = Integer(required=False, allow_null=True, default=None, help_text="on a kept version of the inventory")
    time = Text(max_length=100, required=False, allow_blank=True, default="", help_text="on the inventory of that time")


class Cycles(Resource):
    """Cycles of all partitions."""

    @listing(FIELDS)
    def list(self, call: Call) -> QuerySet[Cycle]:
        """Cycles, newest first; also those that failed, go on, or were refused by the guard."""
        return Cycle.objects.all()

    @operation(body=DetoxCycleWished, answer=ACCEPTED, status=202)
    def create(self, call: Call) -> Mapping[str, str]:
        """Have a worker run a cycle of a policy."""
        ordering.cycle(call.caller, call.body["policy"])
        return {"queued": "detox.cycle"}

    @operation(answer=WHOLE)
    def show(self, call: Call) -> Cycle:
        """One cycle with its policy."""
        return _found(call)

    @listing(SITES)
    def sites(self, call: Call) -> QuerySet[CycleSite]:
        """What a cycle did at every site, and why it did that, or nothing."""
        return _found(call).sites.all()

    @table(DECISIONS)
    def decisions(self, call: Call) -> pl.DataFrame:
        """The decisions of a cycle by site, dataset, list and deciding line."""
        return history.read(_found(call).pk, "decisions").select(*DECISIONS)

    @operation(query=Explained, answer=STORY)
    def explain(self, call: Call) -> Mapping[str, Any]:
        """Why a dataset, or a block of it, was deleted, kept or protected at a site."""
        return explain.of_cycle(_found(call), call.query["site"], call.query["dataset"])

    @operation(query=Explained, answer=TURNING)
    def changes(self, call: Call) -> Mapping[str, Any]:
        """What would have turned the decision on a dataset, or a block of it, at a site: other values, other policy lines."""
        row = _found(call)
        if not history.has_inputs(row.pk):
            raise history.NotKept(f"what {row} was made of is not kept any more")
        if not _DECIDING.acquire(blocking=False):
            raise Busy("the changes to another decision are being looked for; try again in a moment")
        try:
            return kept.of_cycle(row, call.query["site"], call.query["dataset"], FOR_THE_WEB)
        finally:
            _DECIDING.release()

    @operation(answer=ACCEPTED, status=202)
    def confirm(self, call: Call) -> Mapping[str, str]:
        """Have a worker carry out what the guard refused, with the caller as who confirms it."""
        ordering.confirm(call.caller, _found(call))
        return {"queued": "detox.cycle"}


class Partitions(Resource):
    """Partitions that Detox looks after."""

    @operation(query=Tests, answer=PARTITIONS)
    def list(self, call: Call) -> Any:
        """Partitions that have cycles, the default one first."""
        return monitor.partitions(call.query["test"])


class Comparisons(Resource):
    """What would be, if."""

    @listing(COMPARISONS)
    def list(self, call: Call) -> QuerySet[Comparison]:
        """Questions that were asked, newest first."""
        return Comparison.objects.all()

    @operation(body=ComparisonWished, answer=ANSWERED, status=202)
    def create(self, call: Call) -> Comparison:
        """Ask what another policy, quota, status or lock would change; a worker computes it, one at a time."""
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
            for name, value in call.body.items()
        }
        row = comparing.start(Question(**given), call.caller)
        # A worker that is quicker than this transaction would find no question.
        transaction.on_commit(partial(_sent, row))
        return row

    @operation(answer=ANSWERED)
    def show(self, call: Call) -> Comparison:
        """One question with its answer, when that is there."""
        comparing.give_up_late()
        return call.one(Comparison.objects.all(), "there is no comparison", "; they are kept for a while only")


def _sent(row: Comparison) -> None:
    try:
        queue(tasks.compare, row.pk)
    except NoBroker as error:
        comparing.fail(row, str(error))
        raise


def _found(call: Call) -> Cycle:
    return call.one(Cycle.objects.all(), "there is no Detox cycle")


_OPERATE = Access(change=("operator", "detox"), target="detox")
urlpatterns = [
    *line_resources.urlpatterns,
    route("detox/cycles", Cycles, {"get": "list", "post": "create"}, access=_OPERATE),
    route("detox/cycles/<int:number>", Cycles, {"get": "show"}, name="v1-detox-cycles-one"),
    *(
        route(f"detox/cycles/<int:number>/{what}", Cycles, {"get": what}, name=f"v1-detox-cycles-{what}")
        for what in ("sites", "decisions", "explain")
    ),
    route(
        "detox/cycles/<int:number>/changes",
        Cycles,
        {"get": "changes"},
        name="v1-detox-cycles-changes",
        access=Access(read=KNOWN),
    ),
    route(
        "detox/cycles/<int:number>/confirm",
        Cycles,
        {"post": "confirm"},
        name="v1-detox-cycles-confirm",
        access=_OPERATE,
    ),
    route("detox/partitions", Partitions, {"get": "list"}),
    route("detox/comparisons", Comparisons, {"get": "list", "post": "create"}, access=_OPERATE),
    route("detox/comparisons/<int:number>", Comparisons, {"get": "show"}, name="v1-detox-comparisons-one"),
]
