"""``/healthz``: is every part there that Dynamo needs? 200 when all are, else 503, with each part as JSON."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import redis
from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dynamo_site.watchers import may_watch
from inventory.errors import InventoryError
from registry import attribute_sources
from registry.source_models import OnTrouble
from scheduler import fence, life
from scheduler.connection import connect


@dataclass(frozen=True)
class Part:
    """One part's health; ``detail`` says what is wrong and what to do, ``facts`` are for those who may watch."""

    ok: bool
    detail: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The health of all parts; details only for those who may watch."""
    parts = check_all()
    healthy = all(part.ok for part in parts.values())
    told = {name: _told(part, may_watch(request)) for name, part in parts.items()}
    return JsonResponse({"status": "ok" if healthy else "failing", "parts": told}, status=200 if healthy else 503)


def _told(part: Part, everything: bool) -> dict[str, Any]:
    return {"ok": part.ok, **({"detail": part.detail, **part.facts} if everything else {})}


def check_all() -> dict[str, Part]:
    """Every part by name."""
    return {name: _timed(check) for name, check in _CHECKS.items()}


def _timed(check: Callable[[], Part]) -> Part:
    began = time.monotonic()
    part = check()
    return Part(part.ok, part.detail, {**part.facts, "seconds": round(time.monotonic() - began, 4)})


def _database() -> Part:
    try:
        return Part(True, facts={"newest_token": fence.newest()})
    except DatabaseError as error:
        return Part(False, f"{error}; is the database up, and has manage.py migrate run?")


def _redis() -> Part:
    try:
        connect().ping()
    except redis.RedisError as error:
        return Part(False, f"{error}; is the server of REDIS_URL up?")
    return Part(True)


def _inventory() -> Part:
    # Imported here: the web server starts and answers before, and without, the inventory.
    from inventory import client

    try:
        status = client.status()
    except InventoryError as error:
        return Part(False, f"{error}; is manage.py inventory_server running?")
    facts = {name: value for name, value in status.items() if isinstance(value, str | int | float)}
    trouble = "; ".join(
        f"{part} since {_when(told['since'])}: {told['reason']}" for part, told in status.get("trouble", {}).items()
    )
    return Part(not trouble, f"it serves readers, but: {trouble}" if trouble else "", facts)


def _when(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _worker() -> Part:
    try:
        workers = life.living("worker")
    except redis.RedisError as error:
        return Part(False, f"unknown: {error}")
    return Part(
        bool(workers), "" if workers else "no worker gives signs of life; start manage.py worker", {"workers": workers}
    )


def _disk() -> Part:
    free = shutil.disk_usage(settings.DYNAMO_HOME).free
    enough = free >= settings.HEALTH_MIN_FREE_BYTES
    lacking = f"{free} bytes left in {settings.DYNAMO_HOME}, {settings.HEALTH_MIN_FREE_BYTES} are wanted"
    return Part(enough, "" if enough else lacking, {"free_bytes": free})


def _sources() -> Part:
    """Attribute sources whose trouble stops cycles; that of others is an alarm on the front page."""
    try:
        found = attribute_sources.troubled(timezone.now())
    except DatabaseError as error:
        return Part(False, f"unknown: {error}")
    stopping = [f"{source} {text}" for source, text in found if source.on_trouble == OnTrouble.STOP]
    lacking = f"no Detox cycle starts that needs them: {'; '.join(stopping)}; see manage.py sources list"
    return Part(not stopping, lacking if stopping else "", {"in_trouble": [str(source) for source, _ in found]})


_CHECKS: dict[str, Callable[[], Part]] = {
    "database": _database, "redis": _redis, "inventory": _inventory, "worker": _worker, "disk": _disk,
    "sources": _sources,
}  # fmt: skip
