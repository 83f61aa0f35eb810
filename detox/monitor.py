"""What the pages, the API and the commands show of cycles, as plain dicts; sizes in bytes.

``lines`` are the policy's by number, 0 being the default decision. Only cycles that have ended are looked for, so that a page never
shows half a cycle.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import polars as pl
from django.db.models import Max, Min, QuerySet, Sum

from detox import guard, history
from detox.models import Cycle, CycleSite, CycleState
from detox.settings import DetoxSettings
from inventory.errors import InventoryError
from inventory.policy.errors import PolicyError
from inventory.policy.model import Condition
from inventory.policy.parser import parse_policy
from inventory.policy.patterns import glob_matches
from inventory.tuning import tuned

MAX_PATTERNS = 50
_SORTS = {"dataset": "dataset", "size": "size", "decision": "decision", "line": "line"}
_BYTES = ("protected", "kept", "deleted")


class CycleUnknown(InventoryError):
    """There is no such cycle, partition or site of a cycle; the text says what there is."""


def detox_settings() -> DetoxSettings:
    """The settings in force."""
    return tuned("detox", DetoxSettings)


def ended(test: bool | None = False) -> QuerySet[Cycle]:
    """Cycles that have ended well, newest first; ``test`` None: test runs among them."""
    cycles = Cycle.objects.filter(state=CycleState.DONE)
    return cycles if test is None else cycles.filter(test=test)


def find_cycle(number: int | str = "latest", partition: str | None = None, test: bool | None = False) -> Cycle:
    """The cycle of that number, or the newest (``latest`` or 0); with ``test`` None by its number also one that the guard refused.

    Raises :class:`CycleUnknown`.
    """
    cycles = ended(test)
    if str(number) not in ("latest", "0"):
        if not (str(number).isascii() and str(number).isdigit()):
            raise CycleUnknown(f"{str(number)[:40]!r} is not the number of a cycle; give a number or `latest`")
        states = [CycleState.DONE, CycleState.REFUSED] if test is None else [CycleState.DONE]
        cycles = Cycle.objects.filter(state__in=states, pk=min(int(number), 2**63 - 1))
        cycles = cycles if test is None else cycles.filter(test=test)
    if partition is not None:
        cycles = cycles.filter(partition=partition)
    cycle = cycles.first()
    if cycle is None:
        wanted = "cycle" if str(number) in ("latest", "0") else f"cycle {number}"
        of = f" of {partition}" if partition is not None else ""
        raise CycleUnknown(f"there is no {'test ' if test else ''}{wanted}{of} that has ended")
    return cycle


def refused() -> list[Cycle]:
    """Of each partition whose newest cycle the guard refused, that cycle: it waits for somebody to confirm it."""
    cycles = Cycle.objects.filter(state__in=[CycleState.DONE, CycleState.REFUSED], test=False)
    newest = cycles.order_by().values("partition").annotate(newest=Max("id")).values("newest")
    return list(Cycle.objects.filter(pk__in=list(newest.values_list("newest", flat=True)), state=CycleState.REFUSED))


def guard_texts(cycle: Cycle) -> list[str]:
    """What the guard found, a sentence for each site it is about; empty where it let the cycle pass."""
    return guard.all_told(cycle.guard, cycle.partition, lines(cycle))


def partitions(test: bool = False, now: float | None = None) -> list[dict[str, Any]]:
    """Partitions with cycles, the default one first: id, name, monitored, cycle, ended (UTC seconds), late (no cycle for long)."""
    settings, now = detox_settings(), time.time() if now is None else now
    found = ended(test).exclude(partition__in=settings.excluded_partitions).order_by().values("partition")
    rows = found.annotate(first=Min("id"), cycle=Max("id"), ended_at=Max("ended"))
    ordered = sorted(rows, key=lambda row: (row["partition"] != settings.default_partition, row["partition"]))
    return [
        {
            "id": row["first"], "name": row["partition"], "cycle": row["cycle"], "ended": int(row["ended_at"].timestamp()),
            "monitored": row["partition"] in settings.monitored_partitions,
            "late": now - row["ended_at"].timestamp() > settings.late_after * 3600,
        }
        for row in ordered
    ]  # fmt: skip


def cycles(
    partition: str | None, test: bool = False, limit: int = 100, before: int | None = None
) -> list[dict[str, Any]]:
    """Headers of cycles, newest first, those older than the cycle ``before``."""
    chosen = ended(test)
    if partition is not None:
        chosen = chosen.filter(partition=partition)
    if before is not None:
        chosen = chosen.filter(pk__lt=before)
    chosen = chosen.annotate(bytes_deleted=Sum("sites__deleted"), replicas_deleted=Sum("sites__num_deleted"))
    # Lists of cycles show no policies, which are what is large.
    chosen = chosen.defer("policy", "lines", "settings").order_by("-id")
    return [
        header(cycle) | {"deleted": cycle.bytes_deleted or 0, "num_deleted": cycle.replicas_deleted or 0}
        for cycle in chosen[: max(0, limit)]
    ]


def header(cycle: Cycle) -> dict[str, Any]:
    """What there is to say of a cycle in one line; times in UTC seconds."""
    return {
        "cycle": cycle.pk, "partition": cycle.partition, "test": cycle.test, "state": str(cycle.state),
        "started": int(cycle.started.timestamp()), "ended": int(cycle.ended.timestamp()) if cycle.ended else None,
        "author": cycle.author, "comment": cycle.comment, "version": cycle.version, "run": cycle.run,
        "policy_file": cycle.policy_file, "passes": cycle.passes, "error": cycle.error, "confirms": cycle.confirms_id,
    }  # fmt: skip


def summary(cycle: Cycle) -> dict[str, Any]:
    """The header with neighbours in time, watermarks, a total and every site, with what was there in the cycle before."""
    same = ended(cycle.test).filter(partition=cycle.partition)
    previous = same.filter(pk__lt=cycle.pk).first()
    following = same.filter(pk__gt=cycle.pk).order_by("id").first()
    before = {row.site: row for row in previous.sites.all()} if previous else {}
    sites = [_site(row, before.get(row.site)) for row in cycle.sites.order_by("site")]
    keys = (*_BYTES, "protected_before", "kept_before", "num_deleted", "num_reowned")
    total: dict[str, Any] = {key: sum(site[key] for site in sites) for key in keys}
    total["quota"] = sum(max(0, site["quota"]) for site in sites)
    trigger, stop = watermarks(cycle.policy)
    return header(cycle) | {
        "previous": previous.pk if previous else None, "next": following.pk if following else None,
        "trigger": trigger, "stop": stop, "total": total, "sites": sites, "guard": guard_texts(cycle),
    }  # fmt: skip


def _site(row: CycleSite, before: CycleSite | None) -> dict[str, Any]:
    occupancy = row.occupied_before / row.quota if row.quota > 0 else None
    return {
        "site": row.site, "status": row.status, "state": str(row.state), "quota": row.quota, "triggered": row.triggered,
        "protected": row.protected, "kept": row.kept, "deleted": row.deleted, "num_deleted": row.num_deleted,
        "num_reowned": row.num_reowned, "occupied_before": row.occupied_before, "occupied_after": row.occupied_after,
        "occupancy": occupancy, "reason": row.reason, "ready": row.status not in ("MORGUE", "WAITROOM"),
        "protected_before": before.protected if before else 0, "kept_before": before.kept if before else 0,
    }  # fmt: skip


def site_datasets(
    cycle: Cycle, site: str, *, sort: str = "size", descending: bool = True, search: str = "", offset: int = 0,
    limit: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Decisions on the datasets at a site, a page of them: ``datasets``, ``count`` of all that match ``search``, ``lines``."""
    if not cycle.sites.filter(site=site).exists():
        raise CycleUnknown(f"{site[:100]!r} is not a site of {cycle}")
    if sort not in _SORTS:
        raise CycleUnknown(f"cannot sort by {sort[:40]!r}; there are {', '.join(_SORTS)}")
    frame = _decisions(cycle).filter(pl.col("site") == site)
    if search:
        frame = frame.filter(glob_matches(pl.col("dataset"), search))
    # The several decisions on one dataset stand together in the order of the lists.
    found = frame.sort(
        [_SORTS[sort], "dataset", "decision", "line"], descending=[descending, False, False, False]
    ).collect()
    page = found.slice(offset, limit)
    return {"site": site, "count": len(found), "datasets": page.drop("site").to_dicts(), "lines": lines(cycle)}


def search(cycle: Cycle, patterns: Sequence[str]) -> dict[str, Any]:
    """Decisions on datasets that match globs, over all sites: per pattern, per site, and the bytes of each list in total."""
    if len(patterns) > MAX_PATTERNS:
        raise CycleUnknown(f"{len(patterns)} patterns; at most {MAX_PATTERNS} at once")
    results = []
    for pattern in patterns:
        found = (
            _decisions(cycle).filter(glob_matches(pl.col("dataset"), pattern)).sort("site", "dataset", "line").collect()
        )
        sites = [
            {"site": key[0], "datasets": rows.drop("site").to_dicts()}
            for key, rows in found.partition_by("site", as_dict=True, maintain_order=True).items()
        ]
        sizes = dict(found.group_by("decision").agg(pl.col("size").sum()).iter_rows())
        results.append({"pattern": pattern, "sites": sites, "total": {name: sizes.get(name, 0) for name in _BYTES}})
    return {"results": results, "lines": lines(cycle)}


def deletions(cycle: Cycle) -> pl.DataFrame:
    """What was deleted: frame(site, dataset, size), sizes summed over lines."""
    deleted = _decisions(cycle).filter(pl.col("decision") == "deleted")
    return deleted.group_by("site", "dataset").agg(pl.col("size").sum()).sort("site", "dataset").collect()


def lines(cycle: Cycle) -> dict[int, str]:
    """Texts of the policy's lines by number."""
    return {int(number): text for number, text in cycle.lines.items()}


def watermarks(text: str) -> tuple[float | None, float | None]:
    """Occupancies at which the policy triggers and stops, where it says so in plain lines; else None."""
    try:
        policy = parse_policy(text)
    except (
        PolicyError
    ):  # an old cycle's policy may use a variable of a plugin that is gone; its page is shown all the same
        return None, None
    return _mark(policy.when, ">"), _mark(policy.until, "<")


def _mark(conditions: Sequence[Condition], operator: str) -> float | None:
    found = (
        predicate.operand
        for condition in conditions
        for predicate in condition.predicates
        if predicate.variable == "site.occupancy" and predicate.operator == operator
    )
    return next((mark for mark in found if isinstance(mark, float)), None)


def _decisions(cycle: Cycle) -> pl.LazyFrame:
    """The decisions; ``several``: the dataset has more than one at the site."""
    several = pl.len().over("site", "dataset") > 1
    return history.scan(cycle.pk, "decisions").with_columns(pl.col("decision").cast(pl.String), several=several)
