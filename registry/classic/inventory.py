"""``/data/inventory/…``: lists, statistics, injection and invalidation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inventory import client, statistics
from registry import injections
from registry.classic import listings
from registry.classic.envelope import Call, Parameter, Streamed, View, endpoint
from registry.classic.rendering import listed
from registry.classic.requests import asker_of
from registry.errors import NotThere
from registry.models import Injection

_ADMIN = ("admin", "inventory")
_STATUSES = ("dataset_status", "site_status")
_MOST_PATTERNS = 200  # of one category; each is tried on every value


@endpoint(Parameter("dataset", "list"))
def datasets(call: Call) -> Streamed:
    """Datasets that match; without a pattern none."""
    return Streamed(listed(listings.datasets(client.snapshot(), call["dataset"] or ())))


@endpoint(Parameter("group", "list"))
def groups(call: Call) -> list[dict[str, Any]]:
    """Groups that match, or all."""
    return listings.groups(client.snapshot(), call["group"])


@endpoint(Parameter("site", "list"), Parameter("partition", "list"))
def sites(call: Call) -> list[dict[str, Any]]:
    """Sites with quota and usage."""
    return listings.sites(client.snapshot(), call["site"], call["partition"])


def _statistic(function: Callable[..., dict[str, Any]], *more: Parameter) -> View:
    """An endpoint that shows what ``function`` says, by a category and of what the constraints on all of them leave."""
    parameters = [Parameter("list_by", default="data_type"), *more]

    @endpoint(*parameters, *(Parameter(name, "patterns", most=_MOST_PATTERNS) for name in statistics.CATEGORIES))
    def view(call: Call) -> dict[str, Any]:
        constraints = {
            name: [_either_case(value) for value in call[name]] if name in _STATUSES else call[name]
            for name in statistics.CATEGORIES
            if call[name] is not None
        }
        found = function(client.snapshot(), constraints=constraints, **{one.name: call[one.name] for one in parameters})
        return _lowered(found) if call["list_by"] in _STATUSES else found

    view.__doc__ = function.__doc__
    return view


def _either_case(expression: str) -> str:
    return expression if expression == statistics.NO_VALUE else f"(?i:{expression})"


def _lowered(found: dict[str, Any]) -> dict[str, Any]:
    """The statistic with its keys as clients know statuses."""
    for row in found["content"]:
        for entry in row.get("usage", [row]):
            entry["key"] = entry["key"].lower()
    return found | {"keys": [key.lower() for key in found["keys"]]} if "keys" in found else found


_PHYSICAL = Parameter("physical", "boolean", default=True)
size = _statistic(statistics.size, _PHYSICAL)
replication = _statistic(statistics.replication)
usage = _statistic(statistics.usage, _PHYSICAL)


@endpoint(changes=True, role=_ADMIN, document=True)
def inject(call: Call) -> dict[str, int]:
    """Queue metadata to be added."""
    return _queued(call, "inject")


@endpoint(changes=True, role=_ADMIN, document=True)
def delete(call: Call) -> dict[str, int]:
    """Queue metadata to be removed."""
    return _queued(call, "delete")


def _queued(call: Call, kind: str) -> dict[str, int]:
    row = injections.queue(asker_of(call), kind, call.document)
    call.message = f"queued as number {row.pk}"
    return dict(row.counts)


@endpoint(changes=True, role=_ADMIN, document=True)
def inject_sync(call: Call) -> dict[str, int]:
    """Add metadata now."""
    return _applied(call, "inject")


@endpoint(changes=True, role=_ADMIN, document=True)
def delete_sync(call: Call) -> dict[str, int]:
    """Remove metadata now."""
    return _applied(call, "delete")


def _applied(call: Call, kind: str) -> dict[str, int]:
    row = injections.apply_now(asker_of(call), kind, call.document)
    call.message = f"applied as number {row.pk}, inventory version {row.version}"
    return dict(row.counts)


@endpoint(Parameter("id", "integer", required=True, least=1))
def injection(call: Call) -> dict[str, Any]:
    """Where an injection or invalidation stands."""
    row = Injection.objects.filter(pk=call["id"]).defer("content").first()
    if row is None:
        raise NotThere(f"id: there is no injection {call['id']}")
    return {
        "id": row.pk, "kind": row.kind, "state": row.state, "user": row.user, "counts": row.counts, "reason": row.reason,
        "version": row.version,
    }  # fmt: skip
