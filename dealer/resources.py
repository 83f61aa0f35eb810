"""Dealer under ``/api/v1/``: cycles, what they had copied where, whom they refused and why, and how far the rules are."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import polars as pl
from django.db import transaction
from django.db.models import QuerySet

from dealer import explain, history, monitor, tasks
from dealer.cycle import dealer_settings
from dealer.models import Cycle, CycleAnswer, CycleSite
from dealer.plugins.rulebook import RulesError, rules_in_force
from inventory import client
from registry.access import Access
from registry.api.columns import by_name
from registry.api.problems import TOLD_AS
from registry.api.rows import of_model
from registry.api.schema import example
from registry.api.strict import Body, Query, Text
from registry.api.tables import field, table
from registry.api.writing import ACCEPTED, Call, Resource, listing, operation, route
from registry.errors import NotThere
from scheduler.sending import queue_after_commit

TOLD_AS.update({history.NotKept: "gone", explain.NothingKnown: "not-found", RulesError: "refused"})
FIELDS = by_name(*of_model(
    Cycle, "id", "partition", "state", "test", "author", "comment", "started", "ended", "version", "seed", "num_proposals",
    "num_placed", "volume", "refusals", "error",
))  # fmt: skip
SITES = by_name(*of_model(
    CycleSite, "site", "state", "quota", "present", "projected", "after", "volume", "num_blocks", "verdict",
))  # fmt: skip
ANSWERS = by_name(*of_model(CycleAnswer, "plugin", "cause", "number", "verdict", "reason", "actions", "moot"))
COPIES = by_name(
    field("site", "text", "site", "T2_CH_CERN"), field("dataset", "text", "dataset", "/Big/Run-v1/RAW"),
    field("block", "text", "block", "b1"), field("group", "text", "owner", "AnalysisOps"),
    field("kind", "text", "copy, or owner: it only changes hands", "copy"), field("size", "integer", "bytes", 1000, unit="bytes"),
    field("plugin", "text", "who proposed it", "requests"),
)  # fmt: skip
REJECTIONS = by_name(
    field("plugin", "text", "who proposed it", "balancer"), field("reason", "text", "why not", "Destination is full"),
    field("count", "integer", "proposals", 3),
)  # fmt: skip
STORY = {
    "type": "object", "additionalProperties": True, "required": ["cycle", "subject", "proposals", "answers"],
    "description": "Its proposals with the sites that were considered, and what those who asked were told.",
}  # fmt: skip
_RULES = {
    "type": "array",
    "items": {
        "type": "object", "required": ["rule", "partition", "fulfilled", "en_route", "missing"], "additionalProperties": True,
        "properties": {
            "rule": {"type": "string"}, "partition": {"type": "string"}, "fulfilled": {"type": "integer"},
            "en_route": {"type": "integer"}, "missing": {"type": "integer"},
        },
    },
}  # fmt: skip


@example(partition="Physics")
class DealerCycleWished(Body):
    """A cycle of a partition."""

    partition = Text()


class Asked(Query):
    """What is asked about."""

    subject = Text(max_length=800, help_text="a dataset, a block as dataset#block, or the number of a copy request")


class Cycles(Resource):
    """Cycles of all partitions."""

    @listing(FIELDS)
    def list(self, call: Call) -> QuerySet[Cycle]:
        """Cycles, newest first."""
        return Cycle.objects.all()

    @operation(body=DealerCycleWished, answer=ACCEPTED, status=202)
    def create(self, call: Call) -> Mapping[str, str]:
        """Have a worker run a cycle of a partition."""
        if client.snapshot().row("partitions", call.body["partition"]) is None:
            raise NotThere(f"there is no partition called {call.body['partition'][:100]}")
        with transaction.atomic():
            call.record("dealer.cycle", call.body["partition"])
            queue_after_commit(tasks.cycle, call.body["partition"], author=call.caller.name)
        return {"queued": "dealer.cycle"}

    @operation(answer=FIELDS)
    def show(self, call: Call) -> Cycle:
        """One cycle."""
        return _found(call)

    @listing(SITES)
    def sites(self, call: Call) -> QuerySet[CycleSite]:
        """How full every site was and got, and what was done there, or why nothing."""
        return _found(call).sites.all()

    @listing(ANSWERS)
    def answers(self, call: Call) -> QuerySet[CycleAnswer]:
        """What those who asked (copy requests) were told."""
        return _found(call).answers.all()

    @table(REJECTIONS)
    def rejections(self, call: Call) -> pl.DataFrame:
        """How many proposals were refused, by plugin and reason."""
        found = [
            (plugin, reason, count)
            for plugin, reasons in sorted(_found(call).refusals.items())
            for reason, count in sorted(reasons.items())
        ]
        return pl.DataFrame(found, {"plugin": pl.String, "reason": pl.String, "count": pl.Int64}, orient="row")

    @table(COPIES)
    def copies(self, call: Call) -> pl.DataFrame:
        """What is copied, or changes hands, block by block."""
        return history.kept(_found(call).pk, "copies").select(*COPIES)

    @operation(query=Asked, answer=STORY)
    def explain(self, call: Call) -> Any:
        """Why something went where it went, or nowhere."""
        return json.loads(json.dumps(explain.explain(_found(call), call.query["subject"]), default=str))


class Rules(Resource):
    """Enforcer rules."""

    @operation(answer=_RULES)
    def list(self, call: Call) -> Any:
        """Of each rule, how many datasets have their copies, will have them, or lack some."""
        settings = dealer_settings()
        return monitor.rule_standing(
            client.snapshot(), rules_in_force(settings.enforcer_rules), settings, int(time.time())
        )


def _found(call: Call) -> Cycle:
    return call.one(Cycle.objects.all(), "there is no Dealer cycle")


urlpatterns = [
    route(
        "dealer/cycles",
        Cycles,
        {"get": "list", "post": "create"},
        access=Access(change=("operator", "dealer"), target="dealer"),
    ),
    route("dealer/cycles/<int:number>", Cycles, {"get": "show"}, name="v1-dealer-cycles-one"),
    *(
        route(f"dealer/cycles/<int:number>/{what}", Cycles, {"get": what}, name=f"v1-dealer-cycles-{what}")
        for what in ("sites", "answers", "rejections", "copies", "explain")
    ),
    route("dealer/rules", Rules, {"get": "list"}),
]
