"""Calls of the PhEDEx data service about requests: requestlist, transferrequests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from django.db.models import Q, QuerySet

from inventory import client
from inventory.snapshot import Snapshot
from registry import archive, polling
from registry.classic.envelope import Call, Parameter, endpoint
from registry.classic.replicas import sites_of
from registry.models import Request, RequestItem, RequestKind, RequestSite, RequestStatus
from registry.naming import is_glob, matches, regex, split_items
from registry.requests import item_parts
from registry.settings import registry_settings

_PAGE = 20_000  # more items than a request can have
_DECISIONS: dict[str, tuple[str, ...]] = {
    "approved": (RequestStatus.ACTIVATED, RequestStatus.COMPLETED),
    "pending": (RequestStatus.WAITING, RequestStatus.NEW),
    "refused": (RequestStatus.REJECTED, RequestStatus.CANCELLED),
}
_DECISION = {status: decision for decision, statuses in _DECISIONS.items() for status in statuses}
_APPROVAL = {"approved": "approved", "pending": "pending", "refused": "disapproved"}
_TYPES = {RequestKind.COPY: "xfer", RequestKind.DELETION: "delete"}
Nodes = dict[str, dict[str, Any]]


@endpoint(
    Parameter("request", "integers", least=1), Parameter("type", choices=("xfer", "delete")),
    Parameter("requested_by", "list", longest=150), Parameter("node", "list", longest=255), Parameter("dataset", "list"),
    Parameter("decision", choices=tuple(_DECISIONS)), Parameter("create_since", "time"),
)  # fmt: skip
def requestlist(call: Call) -> dict[str, Any]:
    """Copy and deletion requests about sites and datasets (of blocks, too) that match, and whether they were taken up."""
    nodes, most = _nodes(client.snapshot()), registry_settings().max_listed
    which = _which(call, nodes)
    numbers = _about(which.of(Request.objects.all()), which.datasets, most)
    found = list(Request.objects.filter(pk__in=numbers).prefetch_related("sites"))
    if call["decision"] != "pending":
        found += archive.find(which.archived(), most, above=numbers[-1] if len(numbers) == most else 0)
    found = sorted(found, key=lambda request: request.pk)[-most:]
    if len(found) == most:
        call.message = f"only the newest {most} are shown; ask more narrowly for others"
    return {"request": [_listed(request, nodes) for request in found]}


@dataclass(frozen=True)
class _Which:
    """Requests with one of these ``values`` in each field, asked since then, about any of the sites, with an item of datasets
    that match; None does not filter.
    """

    values: Mapping[str, Sequence[object]]
    since: datetime | None
    sites: Sequence[str] | None
    datasets: Sequence[str] | None

    def of(self, requests: QuerySet[Request]) -> QuerySet[Request]:
        """Those of the database; datasets are looked at later."""
        requests = requests.filter(**{f"{name}__in": values for name, values in self.values.items()})
        if self.since is not None:
            requests = requests.filter(first_asked__gte=self.since)
        if self.sites is not None:
            about = RequestSite.objects.filter(site__in=self.sites)
            requests = requests.filter(pk__in=about.values("request_id"))
        return requests

    def archived(self) -> pl.Expr:
        """The same over the columns of the archive."""
        tests = [pl.lit(True), *(pl.col(name).is_in(list(values)) for name, values in self.values.items())]
        if self.since is not None:
            tests.append(pl.col("first_asked") >= self.since)
        if self.sites is not None:
            tests.append(
                pl.col("sites").list.set_intersection(pl.lit(list(self.sites), pl.List(pl.String))).list.len() > 0
            )
        if self.datasets is not None:
            names = "|".join(map(regex, self.datasets))
            lines = pl.col("items").list.join("\n")
            tests.append(lines.str.contains(f"(?m)^(?:{names})(?:#.*)?$") if names else pl.lit(False))
        return pl.all_horizontal(tests)


def _which(call: Call, nodes: Nodes) -> _Which:
    asked = {
        "id": call["request"], "user": call["requested_by"],
        "kind": None if call["type"] is None else [kind for kind, name in _TYPES.items() if name == call["type"]],
        "status": None if call["decision"] is None else _DECISIONS[call["decision"]],
    }  # fmt: skip
    sites = None
    if call["node"] is not None:
        known = pl.DataFrame({"node": list(nodes)}, {"node": pl.String})
        sites = known.filter(matches("node", call["node"]))["node"].to_list()
    given = {name: values for name, values in asked.items() if values is not None}
    return _Which(given, call["create_since"], sites, call["dataset"])


def _about(requests: QuerySet[Request], datasets: Sequence[str] | None, most: int) -> list[int]:
    """The numbers of the newest ``most`` requests that have an item of datasets that match, newest first."""
    if datasets is None:
        return list(requests.order_by("-id").values_list("pk", flat=True)[:most])
    found: list[int] = []
    for items in _pages(RequestItem.objects.filter(_near(datasets), request_id__in=requests.values("pk"))):
        dataset, _ = split_items()
        hits = items.with_columns(dataset).filter(matches("dataset", datasets))
        found += hits["request"].unique(maintain_order=True).to_list()
        if len(found) >= most:
            break
    return found[:most]


def _near(datasets: Sequence[str]) -> Q:
    """Items that may match, as the database can find them by their beginnings."""
    near = Q(pk__in=[])
    for pattern in datasets:
        if is_glob(pattern):
            near |= Q(item__startswith=re.split(r"[*?[]", pattern, maxsplit=1)[0])
        else:
            near |= Q(item=pattern) | Q(item__startswith=f"{pattern}#")
    return near


def _pages(items: QuerySet[RequestItem]) -> Iterator[pl.DataFrame]:
    """request, item: those of the newest requests first, some at a time, none of a request in two pages."""
    before = 2**63 - 1
    while True:
        rows = items.filter(request_id__lte=before).order_by("-request_id").values_list("request_id", "item")[:_PAGE]
        page = pl.DataFrame(list(rows), {"request": pl.Int64, "item": pl.String}, orient="row")
        if page.height < _PAGE:
            yield page
            return
        before = page["request"][-1]
        yield page.filter(pl.col("request") != before)


def _listed(request: Request, nodes: Nodes) -> dict[str, Any]:
    decision = _DECISION[request.status]
    decided = decision != "pending"
    of_node = {
        "decision": decision, "decided_by": (request.decided_by or request.user) if decided else None,
        "time_decided": _seconds(request.decided or request.first_asked) if decided else None,
    }  # fmt: skip
    sites = sorted(site.site for site in request.sites.all())
    return {
        "id": request.pk, "type": _TYPES[RequestKind(request.kind)], "approval": _APPROVAL[decision],
        "requested_by": request.user, "time_create": _seconds(request.first_asked),
        "node": [{**_node(nodes, site), **of_node} for site in sites],
    }  # fmt: skip


@endpoint(Parameter("request", "integers", least=1, most=100))
def transferrequests(call: Call) -> dict[str, Any]:
    """Copy requests by number, with where to and how much."""
    asked = [polling.Question(RequestKind.COPY, number) for number in sorted(call["request"] or [])]
    requests = [request for question in asked for request in polling.find(question, 1)]
    if not requests:
        return {"request": []}
    snapshot = client.snapshot()
    nodes, dns = _nodes(snapshot), polling.dns_of({request.user for request in requests})
    return {"request": [_transfer(snapshot, request, nodes, dns.get(request.user, "")) for request in requests]}


def _transfer(snapshot: Snapshot, request: Request, nodes: Nodes, dn: str) -> dict[str, Any]:
    decided = {"time_decided": _seconds(request.last_asked), "decision": "y", "dn": dn}
    # The first Dynamo misspelt two keys; its clients look for these, new ones for the right ones beside them.
    destinations = [
        [{**_node(nodes, site.site), "desided_by": decided, "decided_by": decided}]
        for site in sorted(request.sites.all(), key=lambda site: site.site)
    ]
    found = _sizes(snapshot, sorted(item.item for item in request.items.all()))
    totals = {
        name: sum(item[name] for items in found.values() for item in items) for name in ("bites", "bytes", "files")
    }
    return {
        "id": request.pk, "priority": "low", "move": "n", "time_start": None,
        "requested_by": {"name": request.user, "username": request.user, "dn": dn}, "destinations": destinations,
        "data": {**totals, "time_create": _seconds(request.first_asked), "group": request.group, "dbs": found},
    }  # fmt: skip


def _sizes(snapshot: Snapshot, items: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The datasets and blocks among ``items`` that are still there, with their ids and sizes."""
    names = pl.Series([item_parts(item)[0] for item in items], dtype=pl.String).unique()
    ids = snapshot.datasets_called(names)
    datasets = snapshot.of_datasets("datasets", ids).select("dataset_id", dataset="name")
    blocks = snapshot.of_datasets("blocks", ids).join(datasets, on="dataset_id")
    whole = datasets.join(
        blocks.group_by("dataset_id").agg(pl.col("size", "num_files").sum()), on="dataset_id", how="left"
    )
    of_blocks = blocks.select(
        pl.concat_str("dataset", pl.lit("#"), "name").alias("name"), "size", "num_files", id="block_id"
    )
    of_datasets = whole.select("size", "num_files", name="dataset", id="dataset_id")
    return {
        kind: rows.filter(pl.col("name").is_in(list(items))).sort("name").select(
            "name", "id", pl.col("size").fill_null(0).alias("bites"), pl.col("size").fill_null(0).alias("bytes"),
            pl.col("num_files").fill_null(0).alias("files"),
        ).to_dicts()
        for kind, rows in (("dataset", of_datasets), ("block", of_blocks))
    }  # fmt: skip


def _nodes(snapshot: Snapshot) -> Nodes:
    return {row["node"]: row for row in sites_of(snapshot, None).to_dicts()}


def _node(nodes: Nodes, site: str) -> dict[str, Any]:
    """id, name, se; null where the site is gone."""
    known = nodes.get(site, {})
    return {"id": known.get("site_id"), "name": site, "se": known.get("se")}


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
