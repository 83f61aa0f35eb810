"""``/data/request/…``: copy, delete, pollcopy, polldelete, cancelcopy, canceldelete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inventory import client
from inventory.snapshot import Snapshot
from registry import cached, placing, polling, rights
from registry.classic.envelope import Call, Parameter, endpoint
from registry.errors import Refused
from registry.models import Request, RequestKind, RequestStatus
from registry.naming import expand_sites, unknown_items
from registry.placing import Asker, Wanted
from registry.settings import RegistrySettings, registry_settings

_ITEM = Parameter("item", "list", longest=600)
_SITE = Parameter("site", "list", longest=128)
_GROUP = Parameter("group", longest=255)
_REQUEST = Parameter("request_id", "integer", least=1)
_MOST_COPIES = 10000
_NEW, _WAITING = "new", "waiting"


def asker_of(call: Call) -> Asker:
    """Who asks, as the services want it."""
    return Asker(call.caller.name, call.caller.service, rights.has(call.caller, "operator", "registry"))


@endpoint(_ITEM, _SITE, _GROUP, Parameter("n", "integer"), _REQUEST, Parameter("cache"), changes=True)
def copy(call: Call) -> list[dict[str, Any]]:
    """Ask for copies of items at sites."""
    settings, asker = registry_settings(), asker_of(call)
    if call["n"] is not None and call["n"] > _MOST_COPIES:
        raise Refused(f"n: {call['n']} copies; at most {_MOST_COPIES}")
    wanted = Wanted(call["item"] or (), call["site"] or (), call["group"], call["n"])
    if call["request_id"] is not None:
        return _answer(call, placing.change(client.snapshot(), RequestKind.COPY, call["request_id"], asker, wanted))
    if call["cache"] is not None:
        return _cached(call, asker, wanted, settings)
    return _answer(call, placing.ask_copy(client.snapshot(), asker, wanted, settings))


@endpoint(_ITEM, _SITE, _REQUEST, changes=True)
def delete(call: Call) -> list[dict[str, Any]]:
    """Ask for the deletion of items at sites."""
    wanted = Wanted(call["item"] or (), call["site"] or ())
    if call["request_id"] is not None:
        found = placing.change(client.snapshot(), RequestKind.DELETION, call["request_id"], asker_of(call), wanted)
    else:
        found = placing.ask_deletion(client.snapshot(), asker_of(call), wanted, registry_settings())
    return _answer(call, found)


def _shown(requests: Sequence[Request]) -> list[dict[str, Any]]:
    """The requests; one that waits for approval, which is new to classic clients, says so besides."""
    rows = polling.shown(requests)
    for request, row in zip(requests, rows, strict=True):
        if request.status == _WAITING:
            row["approval"] = _WAITING
    return rows


def _answer(call: Call, request: Request) -> list[dict[str, Any]]:
    call.message = f"{request} is {request.status}" + (f", asked {request.count} times" if request.count > 1 else "")
    asked = {"group": request.group, "n": request.num_copies}
    kept = [f"{name} {value}" for name, value in asked.items() if call.values.get(name) not in (None, "", value)]
    if kept:
        call.message += f"; it stays with {' and '.join(kept)}, as {request.user} asked"
    return _shown([request])


def _cached(call: Call, asker: Asker, wanted: Wanted, settings: RegistrySettings) -> list[dict[str, Any]]:
    row = cached.keep(asker, wanted, settings)
    call.message = f"kept as number {row.pk}; it becomes a request soon"
    return [{"cached_id": row.pk, "item": row.items, "site": row.sites, "group": row.group, "n": row.num_copies}]


_POLL = (
    _REQUEST,
    _ITEM,
    _SITE,
    Parameter("status", "list", choices=tuple(RequestStatus.values)),
    Parameter("user", "list", longest=150),
    Parameter("all", "boolean", default=False),
)


@endpoint(*_POLL)
def poll_copy(call: Call) -> list[dict[str, Any]]:
    """Copy requests that match."""
    return _polled(call, RequestKind.COPY)


@endpoint(*_POLL)
def poll_delete(call: Call) -> list[dict[str, Any]]:
    """Deletion requests that match."""
    return _polled(call, RequestKind.DELETION)


def _polled(call: Call, kind: str) -> list[dict[str, Any]]:
    items, sites = call["item"], call["site"]
    if items or sites:
        snapshot = client.snapshot()
        _check_known(snapshot, items or ())
        sites = expand_sites(snapshot, sites) if sites else sites
    most = registry_settings().max_listed
    statuses = call["status"] and [*call["status"], *(_WAITING for status in call["status"] if status == _NEW)]
    question = polling.Question(kind, call["request_id"], items, sites, statuses, call["user"], call["all"])
    found = polling.find(question, most)
    if len(found) == most:
        call.message = f"only the newest {most} are shown; ask more narrowly for others"
    return _shown(found)


def _check_known(snapshot: Snapshot, items: Sequence[str]) -> None:
    # An old request may be about what the inventory has no more.
    unknown = unknown_items(snapshot, items)
    strange = set(unknown) - polling.known_items(unknown)
    if strange:
        raise Refused(f"item: unknown dataset or block: {min(strange)}")


@endpoint(Parameter("request_id", "integer", required=True, least=1), changes=True)
def cancel_copy(call: Call) -> dict[str, Any]:
    """Withdraw a new copy request."""
    return _shown([placing.cancel(RequestKind.COPY, call["request_id"], asker_of(call))])[0]


@endpoint(Parameter("request_id", "integer", required=True, least=1), changes=True)
def cancel_delete(call: Call) -> dict[str, Any]:
    """Withdraw a new deletion request."""
    return _shown([placing.cancel(RequestKind.DELETION, call["request_id"], asker_of(call))])[0]
