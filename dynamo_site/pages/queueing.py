"""Work that a page has a worker do."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from registry import rights
from registry.callers import caller_of
from scheduler.sending import NoBroker as NoBroker
from scheduler.sending import queue as queue


def is_operator(request: HttpRequest, target: str) -> bool:
    """Whether the caller has the role operator on ``target``."""
    return rights.has(caller_of(request), "operator", target)


def require_operator(request: HttpRequest, target: str) -> str:
    """The caller's name; raises PermissionDenied unless it is an operator of ``target``."""
    if not is_operator(request, target):
        raise PermissionDenied(f"this needs the role operator on {target}; an administrator can grant it")
    return caller_of(request).name
