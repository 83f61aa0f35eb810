"""Users with their rights, granting and taking away; and the audit log. For administrators of the registry."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from dynamo_site.pages.acting import EXPECTED, blank, text_of
from dynamo_site.pages.shell import existing, page, shown
from registry import granting, rights
from registry.api.asked import Asked
from registry.api.formats import csv
from registry.api.rows import of_rows
from registry.audit_models import AuditRecord
from registry.callers import caller_of
from registry.resources.oversight import AUDIT

_COLUMNS = tuple(field for name, field in AUDIT.items() if name != "id")
_AT_ONCE = 1000


class RightForm(forms.Form):
    """A role on a target, with where it holds."""

    role = forms.ChoiceField(choices=[(name, name) for name in rights.ROLES])
    target = forms.ChoiceField(label="On", choices=[(name, name) for name in rights.TARGETS])
    sites = forms.CharField(
        label="Only at sites",
        required=False,
        max_length=1000,
        help_text="Globs, separated by commas; empty: all.",
        widget=blank(forms.TextInput()),
    )
    groups = forms.CharField(
        label="Only for groups",
        required=False,
        max_length=1000,
        help_text="Globs, separated by commas; empty: all.",
        widget=blank(forms.TextInput()),
    )


@require_safe
def users(request: HttpRequest) -> HttpResponse:
    """Everybody with an account, by a part of the name."""
    text = request.GET.get("q", "").strip()
    rows = User.objects.prefetch_related("groups", "dns", "right_limits").order_by("username")
    if text:
        rows = rows.filter(
            Q(username__icontains=text)
            | Q(email__icontains=text)
            | Q(dns__dn__icontains=text)
            | Q(groups__name__icontains=text)
        ).distinct()
    return page(request, "users", "users", None, rows=shown(request, rows), text=text)


@require_http_methods(["GET", "HEAD", "POST"])
def user(request: HttpRequest, number: int) -> HttpResponse:
    """One user; sent, a role is granted or taken away."""
    row = existing(User.objects.prefetch_related("groups", "dns", "right_limits"), number)
    taking = "take" in request.POST
    form = RightForm(request.POST if request.method == "POST" and not taking else None, initial={"role": "operator"})
    if request.method == "POST" and (taking or form.is_valid()):
        try:
            _take(request, row) if taking else _grant(request, row, form.cleaned_data)
        except EXPECTED as error:
            form.add_error(None, text_of(error)) if form.is_bound else None
            return _shown(request, row, form, text_of(error))
        return redirect("user", number=row.pk)
    return _shown(request, row, form)


def _shown(request: HttpRequest, row: User, form: RightForm, refused: str = "") -> HttpResponse:
    roles = sorted(name for name in row.groups.values_list("name", flat=True) if ":" in name)
    limits = [(limit, f"{limit.target}:{limit.role}") for limit in row.right_limits.all()]
    status = 400 if form.errors or refused else 200
    recent = AuditRecord.objects.filter(Q(user=row.username) | Q(target=row.username))[:20]
    return page(
        request,
        "users",
        "user",
        None,
        status,
        row=row,
        form=form,
        roles=roles,
        limits=limits,
        refused=refused,
        recent=recent,
    )


def _grant(request: HttpRequest, row: User, given: dict[str, Any]) -> None:
    granting.grant(caller_of(request), row, given["role"], given["target"], given["sites"], given["groups"])


def _take(request: HttpRequest, row: User) -> None:
    target, _, role = request.POST.get("take", "").partition(":")
    granting.revoke(caller_of(request), row, role, target)


@require_safe
def log(request: HttpRequest) -> HttpResponseBase:
    """The audit log by user, action, target and day; ``format=csv``: all of it that was chosen, as a file."""
    chosen = {name: request.GET.get(name, "").strip() for name in ("user", "action", "target", "since", "until")}
    rows = _chosen(chosen)
    if request.GET.get("format") == "csv":
        return _as_csv(rows)
    actions = AuditRecord.objects.order_by("action").values_list("action", flat=True).distinct()
    return page(request, "audit", "audit", None, rows=shown(request, rows), chosen=chosen, actions=actions)


def _chosen(chosen: dict[str, str]) -> QuerySet[AuditRecord]:
    rows = AuditRecord.objects.all()
    for name in ("user", "action"):
        rows = rows.filter(**{name: chosen[name]}) if chosen[name] else rows
    if chosen["target"]:
        rows = rows.filter(target__contains=chosen["target"])
    if since := _begin(chosen["since"]):
        rows = rows.filter(time__gte=since)
    if until := _begin(chosen["until"]):
        rows = rows.filter(time__lt=until + timedelta(days=1))
    return rows


def _begin(text: str) -> datetime | None:
    """Begin of a day as the browser writes it; None for what is none."""
    try:
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    except ValueError:
        return None


def _as_csv(rows: QuerySet[AuditRecord]) -> StreamingHttpResponse:
    frames = of_rows(rows, Asked(fields=_COLUMNS)).frames(None, _AT_ONCE)
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
    return StreamingHttpResponse(csv(frames, _COLUMNS), content_type="text/csv; charset=utf-8", headers=headers)
