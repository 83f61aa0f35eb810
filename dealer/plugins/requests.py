"""Serves open copy requests: reads them, proposes what is left to do, and answers those who asked."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from dealer.items import datasets_of
from dealer.plugins.protocol import Answer, Plan, View
from dealer.plugins.wishes import PLUGIN, Wish, WishPlan, items_of, plan_wish
from dealer.proposals import JOINED, PLACED
from dealer.results import Decisions
from dealer.settings import DealerSettings
from inventory.schema import TABLES
from registry import requests as desk
from registry.lifecycle import OPEN_ACTION, ImpossibleTransition
from registry.models import CopyRequest, Request, RequestAction, RequestKind

_SHOWN = 5
_KEY = ("dataset_id", "block_id", "site_id")


class RequestsPlugin:
    """Open copy requests of the registry; they are served in the cycle of the partition ``request_partition``."""

    name = PLUGIN

    def load(self, partition: str, settings: DealerSettings) -> list[Wish] | None:
        """The open requests, oldest first; None in cycles of other partitions."""
        if partition != settings.request_partition:
            return None
        return [_wish(request) for request in desk.waiting_copies()]

    def propose(self, view: View, loaded: list[Wish]) -> Plan:
        """Proposals of all requests in their order."""
        names = [item.partition("#")[0] for wish in loaded for item in wish.items]
        nobody = pl.LazyFrame(schema={name: TABLES["block_replicas"].schema[name] for name in _KEY})
        datasets = datasets_of(view.snapshot, nobody, names, view.sites["site_id"].to_list())
        groups = set(view.snapshot.frame("groups")["name"])
        plans = [plan_wish(wish, view, datasets, groups) for wish in loaded]
        return Plan([proposal for plan in plans for proposal in plan.proposals], plans)

    def answers(self, plan: Plan, decisions: Decisions) -> list[Answer]:
        """Rejected, activated, completed, or why it waits: one answer a request."""
        mine = decisions.proposals.filter(pl.col("plugin") == self.name)
        ends = {cause: rows.to_dicts() for (cause,), rows in mine.partition_by("cause", as_dict=True).items()}
        return [_answer(wish_plan, ends.get(wish_plan.wish.cause, [])) for wish_plan in plan.memo]

    def settle(self, answer: Answer) -> str:
        """Tell the registry; a request that was cancelled meanwhile is moot."""
        request = CopyRequest.objects.get(pk=answer.number)
        try:
            if answer.verdict == "activate":
                desk.activate(request, answer.actions)
            elif answer.verdict == "reject":
                desk.reject(request, answer.reason)
            elif answer.verdict == "complete":
                desk.complete(request)
            else:
                return self._tell(answer)
        except ImpossibleTransition as error:
            return str(error)
        return ""

    def _tell(self, answer: Answer) -> str:
        """The reason why a request waits is shown with it; polling, pages and commands read it there."""
        if CopyRequest.objects.filter(pk=answer.number, status="new").update(reason=answer.reason):
            return ""
        return f"{answer.cause} is not new any more"

    def queued(self, answer: Answer, site: str) -> None:
        """The request's actions at ``site`` are with file operations; those that ended meanwhile stay as they are."""
        for item in self._open(answer, site, "new"):
            desk.queue_action(CopyRequest(pk=answer.number, kind=RequestKind.COPY), item, site)

    def failed(self, answer: Answer, site: str, reason: str) -> None:
        """The request's open actions at ``site`` failed for ``reason``."""
        for item in self._open(answer, site, *OPEN_ACTION):
            desk.finish_action(
                CopyRequest(pk=answer.number, kind=RequestKind.COPY), item, site, failed=True, reason=reason
            )

    def _open(self, answer: Answer, site: str, *statuses: str) -> list[str]:
        """Items of the answer's actions at ``site`` that are in one of ``statuses``."""
        rows = RequestAction.objects.filter(request_id=answer.number, site=site, status__in=statuses)
        known = set(rows.values_list("item", flat=True))
        return [item for item, place in answer.actions if place == site and item in known]


def _wish(request: Request) -> Wish:
    return Wish(
        request.pk, request.group, request.num_copies,
        tuple(row.item for row in request.items.all()), tuple(row.site for row in request.sites.all()),
        tuple(request.site_patterns),
    )  # fmt: skip


def _answer(plan: WishPlan, ends: Sequence[dict[str, object]]) -> Answer:
    wish = plan.wish
    if plan.rejected:
        return Answer(wish.cause, wish.number, "reject", plan.rejected)
    open_ends = [end for end in ends if end["outcome"] not in (PLACED, JOINED)]
    if open_ends:
        return Answer(wish.cause, wish.number, "wait", _why_it_waits(ends, open_ends))
    placed = [(item, str(end["site"])) for end in ends for item in items_of(str(end["dataset"]), end["blocks"])]  # type: ignore[arg-type]
    if not placed and plan.complete:
        return Answer(wish.cause, wish.number, "complete")
    return Answer(wish.cause, wish.number, "activate", actions=tuple(dict.fromkeys([*plan.actions, *placed])))


def _why_it_waits(ends: Sequence[dict[str, object]], open_ends: Sequence[dict[str, object]]) -> str:
    """How far it got, and what holds up the rest."""
    reasons: dict[str, list[str]] = {}
    for end in open_ends:
        text = f"{end['reason']} ({end['detail']})" if end["detail"] else str(end["reason"])
        reasons.setdefault(text, []).append(str(end["dataset"]))
    told = [f"{text}: {', '.join(dict.fromkeys(names[:_SHOWN]))}" for text, names in list(reasons.items())[:_SHOWN]]
    placed = len(ends) - len(open_ends)
    begun = f"{placed} of {len(ends)} copies are placed. " if placed else ""
    return f"{begun}Waits: {'; '.join(told)}"
