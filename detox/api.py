"""The classic endpoints of the Detox monitor, ``detox/…`` and, for test runs, ``detox/test/…``.

Sizes of sites are in TB, those of datasets and their totals in GB. Without a partition the default one is meant.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse

from detox import monitor
from detox.models import Cycle
from inventory.errors import InventoryError
from registry.classic.addresses import classic
from registry.classic.envelope import Call, Parameter, View, endpoint
from registry.errors import NotThere, Refused

_TB, _GB = 1e12, 1e9
_MOST = 10**6
_VERBS = {"protected": "protect", "kept": "keep", "deleted": "delete"}
_CYCLE = (
    Parameter("partition"), Parameter("partition_id", "integer"), Parameter("cycle", "integer"),
    Parameter("latest", "boolean", default=False),
)  # fmt: skip
Answer = Callable[[Call, bool], Any]


def partitions(call: Call, test: bool) -> list[dict[str, Any]]:
    """Partitions that have cycles, the default one first."""
    found = monitor.partitions(test)
    if call["cycle"]:
        of_cycle = monitor.ended(test).filter(pk=call["cycle"]).values_list("partition", flat=True).first()
        found = [row for row in found if row["name"] == of_cycle]
    pattern = call["partition"] or "*"
    return [
        {"id": row["id"], "name": row["name"], "monitored": row["monitored"]}
        for row in found
        if fnmatch.fnmatchcase(row["name"], pattern)
    ]


def cycles(call: Call, test: bool) -> list[dict[str, Any]]:
    """Cycles of a partition, oldest first; one of them when ``cycle`` (0: the newest) or ``latest`` is given."""
    ids = {row["name"]: row["id"] for row in monitor.partitions(test)}
    partition = _partition(call, test)
    if call["cycle"] is not None or call["latest"]:
        headers = _one_cycle(call, test)
    else:
        partition = next(iter(ids), None) if partition is None else partition
        headers = [] if partition is None else monitor.cycles(partition, test, limit=_MOST)
    return [
        {
            "cycle": row["cycle"], "partition_id": ids.get(row["partition"]), "comment": row["comment"],
            "timestamp": row["started"],
        }
        for row in reversed(headers)
    ]  # fmt: skip


def _one_cycle(call: Call, test: bool) -> list[dict[str, Any]]:
    try:
        return [monitor.header(_cycle(call, test))]
    except monitor.CycleUnknown:
        return []


def summary(call: Call, test: bool) -> dict[str, Any]:
    """Bytes per site in this cycle and the one before; the first entry is the total."""
    found = monitor.summary(_cycle(call, test))
    total = found["total"] | {"site": "Total", "ready": True}
    return {
        "operation": "deletion_test" if test else "deletion", "cycle": found["cycle"], "comment": found["comment"],
        "cycle_timestamp": found["started"], "partition": found["partition"],
        "partition_id": next((row["id"] for row in monitor.partitions(test) if row["name"] == found["partition"]), None),
        "previous_cycle": found["previous"] or 0, "next_cycle": found["next"] or 0,
        "site_data": [_site_data(row) for row in (total, *found["sites"])],
    }  # fmt: skip


def _site_data(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": row["site"], "quota": max(0, row["quota"]) / _TB, "status": int(row["ready"]),
        "protect": row["protected"] / _TB, "keep": row["kept"] / _TB, "delete": row["deleted"] / _TB,
        "protect_prev": row["protected_before"] / _TB, "keep_prev": row["kept_before"] / _TB,
    }  # fmt: skip


def sitedetail(call: Call, test: bool) -> dict[str, Any]:
    """Decisions on all datasets at a site, the largest first."""
    found = monitor.site_datasets(_cycle(call, test), call["site"])
    content = {"name": found["site"], "datasets": [_dataset(row) for row in found["datasets"]]}
    return {"content": content, "conditions": _conditions(found["lines"])}


def datasets(call: Call, test: bool) -> dict[str, Any]:
    """Decisions on datasets that match globs, over all sites."""
    found = monitor.search(_cycle(call, test), call["datasets"])
    return {
        "results": [_result(result) for result in found["results"]], "conditions": _conditions(found["lines"])
    }  # fmt: skip


def _result(result: dict[str, Any]) -> dict[str, Any]:
    sites = [
        {"name": row["site"], "datasets": [_dataset(found) for found in row["datasets"]]} for row in result["sites"]
    ]
    total = {verb: result["total"][name] / _GB for name, verb in _VERBS.items()}
    return {"pattern": result["pattern"], "site_data": [*sites, {"name": "Total", **total}]}


def _dataset(row: dict[str, Any]) -> dict[str, Any]:
    decision = _VERBS[row["decision"]] + (" *" if row["several"] else "")
    return {"name": row["dataset"], "size": row["size"] / _GB, "decision": decision, "condition_id": row["line"]}


def _conditions(lines: dict[int, str]) -> dict[str, str]:
    return {"0": "No policy match"} | {str(number): text for number, text in lines.items() if number}


def dump(call: Call, test: bool) -> HttpResponse:
    """The deletions as a text file: site, dataset, size in GB."""
    cycle = _cycle(call, test)
    rows = monitor.deletions(cycle).iter_rows()
    text = "".join(f"{site}\t{dataset}\t{size / _GB:.3f}\n" for site, dataset, size in rows)
    return _text(text, f"deletions_{cycle.pk}.txt")


def policy(call: Call, test: bool) -> HttpResponse:
    """The text of the policy that the cycle followed."""
    return _text(_cycle(call, test).policy)


def _text(text: str, attachment: str = "") -> HttpResponse:
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    if attachment:
        response["Content-Disposition"] = f'attachment; filename="{attachment}"'
    return response


def _partition(call: Call, test: bool) -> str | None:
    """The name of the partition that is asked for; None: any. Refused names one that has no cycles."""
    name, number = call["partition"], call["partition_id"]
    if name is not None:
        if not monitor.ended(test).filter(partition=name).exists():
            raise Refused(f"partition: {name[:100]!r} has no cycles")
        return str(name)
    if number is None:
        return None
    known = {row["id"]: str(row["name"]) for row in monitor.partitions(test)}
    if number not in known:
        raise Refused(f"partition_id: there is no partition {number}")
    return known[number]


def _cycle(call: Call, test: bool) -> Cycle:
    name = _partition(call, test)
    if name is None and not call["cycle"]:
        name = next((row["name"] for row in monitor.partitions(test)), None)
    return monitor.find_cycle(call["cycle"] or "latest", name, test)


def _endpoint(answer: Answer, test: bool, *more: Parameter) -> View:
    def function(call: Call) -> Any:
        try:
            return answer(call, test)
        except monitor.CycleUnknown as error:
            raise NotThere(str(error)) from None
        except InventoryError as error:
            raise Refused(str(error)) from None

    function.__name__, function.__doc__ = answer.__name__, answer.__doc__
    parameters = [next((new for new in more if new.name == old.name), old) for old in _CYCLE]
    added = [new for new in more if new.name not in {old.name for old in _CYCLE}]
    return endpoint(*parameters, *added)(function)


_ENDPOINTS: tuple[tuple[Answer, tuple[Parameter, ...]], ...] = (
    (partitions, ()), (cycles, ()), (summary, ()), (sitedetail, (Parameter("site", required=True),)),
    (datasets, (Parameter("datasets", "list", required=True, most=monitor.MAX_PATTERNS),)), (dump, ()),
    (policy, (Parameter("cycle", "integer", required=True),)),
)  # fmt: skip
CLASSIC: dict[str, View] = {
    f"detox/{'test/' if test else ''}{answer.__name__}": _endpoint(answer, test, *more)
    for test in (False, True)
    for answer, more in _ENDPOINTS
}
urlpatterns = classic(CLASSIC)
