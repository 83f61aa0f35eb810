"""Which version of the inventory a call is answered from, and how that is told: ``at_version``, Dynamo-Version, ETag."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from django.http import HttpRequest

from inventory import client, log
from inventory.errors import InventoryUnavailable, VersionGone
from inventory.log_models import UpdateRecord
from inventory.snapshot import Snapshot
from registry.api.asked import integer, wrong
from registry.callers import caller_of
from registry.errors import Busy, NotAuthenticated, NotThere

HEADER = "Dynamo-Version"
_KEPT = 2
_LARGEST = 2**62

_making = threading.Lock()
_made: dict[tuple[int, str], Snapshot] = {}
"""By version and the transaction that made it: another database, another version."""


def snapshot_of(request: HttpRequest, at_version: int | None = None) -> Snapshot:
    """The newest version, not older than the header Dynamo-Version of ``request`` says; or just ``at_version``.

    A version that has to be made anew is for known users. Raises VersionGone, InventoryUnavailable, Invalid, NotAuthenticated, Busy.
    """
    if at_version is not None:
        return _past(request, at_version)
    wanted = request.headers.get(HEADER)
    if wanted is None:
        return client.snapshot()
    return _not_older(integer(HEADER, wanted, 0, _LARGEST))


def tag(snapshot: Snapshot, form: str) -> str:
    """The ETag of an answer from ``snapshot`` in the format ``form``: the same as long as nothing in the inventory changes."""
    return f'W/"{snapshot.version}-{snapshot.time}-{form}"'


def is_known(request: HttpRequest, etag: str) -> bool:
    """Whether the caller has the answer with this tag already."""
    known = request.headers.get("If-None-Match", "")
    return etag.removeprefix("W/") in [one.strip().removeprefix("W/") for one in known.split(",")]


def headers(snapshot: Snapshot, etag: str = "") -> Mapping[str, str]:
    """What every answer from ``snapshot`` says of it."""
    found = {HEADER: str(snapshot.version), "Cache-Control": "no-cache"}
    return {**found, "ETag": etag} if etag else found


def _not_older(version: int) -> Snapshot:
    newest = client.snapshot()
    if newest.version >= version:
        return newest
    head = log.leadership().head
    if version > head:
        # Nobody was told of it: not worth to wait for.
        raise wrong(HEADER, f"this inventory has no version {version}; the newest is {head}")
    return client.snapshot(at_least=version)


def _past(request: HttpRequest, version: int) -> Snapshot:
    """A version that may have to be made from checkpoints and history: one at a time, the last ones are kept."""
    newest = client.snapshot()
    if newest.version == version:
        return newest
    try:
        return client.snapshot(version=version)
    except (VersionGone, InventoryUnavailable):
        transaction = UpdateRecord.objects.filter(pk=version).values_list("transaction", flat=True).first()
    if transaction is None and version > max(newest.version, log.leadership().head):
        raise NotThere(f"at_version: there is no version {version}; the newest is {newest.version}")
    key = (version, transaction or "")
    found = _made.get(key)
    if found is None and not caller_of(getattr(request, "_request", request)).known:
        # Seconds of work, and the memory of a whole inventory.
        raise NotAuthenticated(
            f"version {version} has to be made from checkpoints, which is for known users: log in, or send a bearer token"
        )
    return found or _made_now(key)


def _made_now(key: tuple[int, str]) -> Snapshot:
    if not _making.acquire(timeout=1.0):
        raise Busy(f"version {key[0]} has to be made from checkpoints, and another is being made just now")
    try:
        made = client.as_of(version=key[0])
        while len(_made) >= _KEPT:
            _made.pop(next(iter(_made)))
        _made[key] = made
    finally:
        _making.release()
    return made
