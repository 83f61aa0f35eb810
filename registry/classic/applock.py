"""``/data/applock/…``: who holds an application (stops it for maintenance), in order of asking."""

from __future__ import annotations

from typing import Any

from registry import operating
from registry.classic.envelope import Call, Parameter, endpoint
from registry.errors import Refused
from scheduler import applock
from scheduler.applock import Holder

_APP = Parameter("app", required=True, longest=64)
_SERVICE = Parameter("service", longest=64, default="")
_STOPS = ("operator", "application")


@endpoint(_APP)
def check(call: Call) -> dict[str, Any] | None:
    """Who holds the application."""
    holder = applock.held(call["app"])
    call.message = "Not locked" if holder is None else "Locked"
    return _shown(holder)


@endpoint(_APP, _SERVICE, Parameter("note", longest=1000, default=""), role=_STOPS)
def lock(call: Call) -> dict[str, Any] | None:
    """Ask for the application; it does not run while somebody has it."""
    if not call["app"]:
        raise Refused("app: is empty")
    service = call["service"] or call.caller.service
    holder = operating.stop(call.caller, call["app"], call["note"], service=service)
    call.message = "Success" if (holder.user, holder.service) == (call.caller.name, service) else "Wait"
    return _shown(holder)


@endpoint(_APP, _SERVICE, role=_STOPS)
def unlock(call: Call) -> dict[str, Any] | None:
    """Take back one's newest lock, or place in the queue."""
    holder = operating.give_back(call.caller, call["app"], call.caller.name, call["service"] or call.caller.service)
    call.message = "Unlocked" if holder is None else "Locked"
    return _shown(holder)


@endpoint()
def current(call: Call) -> list[dict[str, Any]]:
    """Running applications."""
    return [
        {
            "title": run.application,
            "write_request": int(run.writes),
            "host": run.host,
            "queued_time": int(run.queued_at.timestamp()),
        }
        for run in applock.current()
    ]


def _shown(holder: Holder | None) -> dict[str, Any] | None:
    if holder is None:
        return None
    values: dict[str, Any] = {
        "user": holder.user, "service": holder.service or None, "lock_time": int(holder.locked_at.timestamp()),
        "depth": holder.depth,
    }  # fmt: skip
    if holder.note:
        values["note"] = holder.note
    if holder.expires is not None:
        values["expires"] = int(holder.expires.timestamp())
    return values
