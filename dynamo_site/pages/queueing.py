"""Work that a page has a worker do."""

from __future__ import annotations

from typing import Any

from celery import Task
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from kombu.exceptions import OperationalError

from inventory.errors import InventoryError
from registry import rights


class NoBroker(InventoryError):
    """The message to the workers cannot be sent."""


def queue(task: Task, *arguments: Any, **named: Any) -> None:
    """Have a worker do ``task``. Raises :class:`NoBroker`."""
    try:
        # A page does not wait for a broker that is away.
        task.apply_async(args=arguments, kwargs=named, retry=False)
    except OperationalError as error:
        raise NoBroker(f"the workers cannot be reached: {error}; is Redis running?") from error


def is_operator(request: HttpRequest, target: str) -> bool:
    """Whether the caller has the role operator on ``target``."""
    return rights.has(request.user, "operator", target)


def require_operator(request: HttpRequest, target: str) -> str:
    """The caller's name; raises PermissionDenied unless it is an operator of ``target``."""
    if not is_operator(request, target):
        raise PermissionDenied(f"this needs the role operator on {target}; an administrator can grant it")
    return str(request.user.get_username())
