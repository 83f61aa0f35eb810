"""What all pages share: the menu, how a template is filled, and that every page has its JSON."""

from __future__ import annotations

import dataclasses
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.paginator import Page, Paginator
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils.http import urlencode

from dynamo_site.pages.navigation import MENU
from registry import rights

PER_PAGE = 50
_LARGEST_ID = 2**63 - 1


class _Encoder(DjangoJSONEncoder):
    """What pages are made of: dataclasses, models and pages of rows, too."""

    def default(self, value: Any) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return dataclasses.asdict(value)
        if isinstance(value, Model):
            return {field.attname: getattr(value, field.attname) for field in value._meta.concrete_fields}
        if isinstance(value, Page | QuerySet):
            return list(value)
        return super().default(value)


def page(
    request: HttpRequest, section: str, template: str, data: dict[str, Any] | None = None, http_status: int = 200,
    **context: Any,
) -> HttpResponse:  # fmt: skip
    """A page of the menu's ``section``; with ``?format=json`` its ``data``, if it has any."""
    if data is not None and request.GET.get("format") == "json":
        return JsonResponse(data, encoder=_Encoder, status=http_status)
    shown = {"section": section, "json": data is not None and query(request, format="json")}
    return render(request, f"pages/{template}.html", shown | context | (data or {}), status=http_status)


def part(
    request: HttpRequest, section: str, template: str, data: dict[str, Any], *, title: str, **context: Any
) -> HttpResponse:
    """A part that a page gets when it is wanted; asked for by itself, a page of its own."""
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, f"pages/parts/{template}.html", context | data)
    return page(request, section, "part", data, title=title, included=f"pages/parts/{template}.html", **context)


def page_number(request: HttpRequest) -> int:
    """The page of a list that is wanted, from 1; the first one unless it is a number of a page."""
    wanted = request.GET.get("page", "1")
    return max(1, int(wanted)) if wanted.isascii() and wanted.isdecimal() and len(wanted) < 7 else 1


def menu(request: HttpRequest) -> dict[str, Any]:
    """The menu of whoever looks, for all templates (a context processor)."""
    user = getattr(request, "user", AnonymousUser())
    return {"menu": [part for part in MENU if part.right is None or rights.has(user, *part.right)]}


def query(request: HttpRequest, **changes: Any) -> str:
    """The page's parameters with some of them changed (None: left out), as ``?…``."""
    chosen = {name: value for name, value in request.GET.items() if name not in changes}
    given = {name: value for name, value in changes.items() if value is not None}
    return f"?{urlencode({**chosen, **given})}"


def shown(request: HttpRequest, rows: QuerySet[Any], per_page: int = PER_PAGE) -> Page[Any]:
    """The wanted page of the rows; the nearest one where there is none of that number."""
    return Paginator(rows, per_page).get_page(request.GET.get("page"))


def existing(rows: QuerySet[Any], number: int) -> Any:
    """The row of that number, else a page that says there is none; no database is asked for a number too large for it."""
    return get_object_or_404(rows, pk=min(number, _LARGEST_ID))
