"""Operators' pages of the registry: requests with what to do by hand, locks, injections."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action, display

from inventory.admin import ReadOnlyAdmin
from registry import approval, attribute_sources, identity_admin, locks, placing, rights  # noqa: F401 - registers pages
from registry.asking import Asker
from registry.callers import caller_of
from registry.errors import Denied, RegistryError
from registry.lifecycle import ImpossibleTransition
from registry.models import (
    ApprovalRule,
    AttributeFetch,
    AttributeSource,
    CachedCopyRequest,
    CopyRequest,
    DeletionRequest,
    DetoxLock,
    Injection,
    Notice,
    Request,
    RequestAction,
    RequestArchive,
    RequestItem,
    RequestSite,
)

_SHOWN = 20_000  # characters of an injection's document


class _Inline(TabularInline):
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ItemInline(_Inline):
    model = RequestItem


class SiteInline(_Inline):
    model = RequestSite


class ActionInline(_Inline):
    model = RequestAction


class RequestAdmin(ReadOnlyAdmin):
    """Requests of one kind."""

    list_display = ("id", "status", "user", "service", "first_asked", "ended", "reason")
    list_filter = ("status", "approval_rule", "user", "service", "first_asked")
    search_fields = ("items__item", "sites__site", "user", "reason")
    inlines = (ItemInline, SiteInline, ActionInline)
    actions = ("approve", "release", "fail")

    @action(description="Approve")
    def approve(self, request: HttpRequest, queryset: QuerySet[Request]) -> None:
        """Waiting ones become new."""
        self._each(request, queryset, lambda row, by: approval.approve(row.kind, row.pk, by))

    @action(description="Hand to the engines again")
    def release(self, request: HttpRequest, queryset: QuerySet[Request]) -> None:
        """Activated or rejected ones become new."""
        self._each(request, queryset, placing.release)

    @action(description="Fail by hand")
    def fail(self, request: HttpRequest, queryset: QuerySet[Request]) -> None:
        """Open ones end."""
        self._each(request, queryset, lambda row, by: placing.fail(row, by, "ended by hand"))

    def _each(self, request: HttpRequest, queryset: QuerySet[Request], do: Any) -> None:
        caller = caller_of(request)
        asker = Asker(caller.name, caller.service, rights.has(caller, "operator", "registry"))
        for row in queryset:
            try:
                do(row, asker)
            except (RegistryError, ImpossibleTransition) as error:
                messages.error(request, str(error))
            else:
                messages.success(request, f"{row}: done")


@admin.register(CopyRequest)
class CopyRequestAdmin(RequestAdmin):
    list_display = ("id", "status", "user", "service", "group", "num_copies", "count", "first_asked", "ended", "reason")
    list_filter = (*RequestAdmin.list_filter, "group")


@admin.register(DeletionRequest)
class DeletionRequestAdmin(RequestAdmin):
    exclude = ("group", "num_copies")


@admin.register(ApprovalRule)
class ApprovalRuleAdmin(ModelAdmin):
    """Which requests wait for a person; the first rule in order that fits decides."""

    list_display = ("order", "name", "enabled", "decision", "kind", "role", "groups", "sites", "larger_than", "emails")
    list_display_links = ("name",)
    list_filter = ("enabled", "decision", "kind")
    readonly_fields = ("changed_by", "changed_at")

    def save_model(self, request: HttpRequest, obj: ApprovalRule, form: Any, change: bool) -> None:
        """Note the user."""
        obj.changed_by = request.user.get_username()
        super().save_model(request, obj, form, change)


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """What people and programs were told, or could not be told."""

    list_display = ("id", "state", "channel", "address", "subject", "attempts", "made", "due", "ended", "error")
    list_filter = ("state", "channel", "made")
    search_fields = ("address", "subject", "error")


@admin.register(RequestArchive)
class RequestArchiveAdmin(ReadOnlyAdmin):
    """Files of requests that ended long ago."""

    list_display = ("file", "first", "last", "requests", "written")


@admin.register(CachedCopyRequest)
class CachedCopyRequestAdmin(ReadOnlyAdmin):
    list_display = ("id", "user", "service", "items", "sites", "asked")
    search_fields = ("user",)


@admin.register(Injection)
class InjectionAdmin(ReadOnlyAdmin):
    list_display = ("id", "kind", "state", "user", "service", "asked", "ended", "version", "counts", "reason")
    list_filter = ("state", "kind", "user", "service", "asked")
    search_fields = ("user", "reason")

    readonly_fields = ("shown_document",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Injection]:
        """Without the documents, which can be large; the page of one row fetches its own."""
        return super().get_queryset(request).defer("content")

    @display(description="Document")
    def shown_document(self, row: Injection) -> str:
        """The beginning of the document."""
        text = json.dumps(row.document, indent=1)
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"


@admin.register(DetoxLock)
class DetoxLockAdmin(ReadOnlyAdmin):
    list_display = ("id", "item", "sites", "groups", "user", "service", "locked", "expires", "unlocked", "comment")
    list_filter = ("user", "service", "expires", ("unlocked", admin.EmptyFieldListFilter))
    search_fields = ("item", "sites", "groups", "user", "comment")
    actions = ("release",)

    @action(description="Release")
    def release(self, request: HttpRequest, queryset: QuerySet[DetoxLock]) -> None:
        """One's own, or any as an operator."""
        try:
            released = locks.release(queryset.order_by(), caller_of(request))
        except Denied as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"{len(released)} locks released")


@admin.register(AttributeSource)
class AttributeSourceAdmin(ModelAdmin):
    """Where attributes of datasets come from, and what a failure leads to."""

    list_display = ("name", "kind", "enabled", "on_trouble", "good_at", "good_rows", "trouble")
    list_filter = ("enabled", "kind", "on_trouble")
    readonly_fields = ("tried_at", "good_at", "good_rows", "failing_since", "error", "changed_by", "changed_at")

    @display(description="trouble")
    def trouble(self, row: AttributeSource) -> str:
        """What is wrong with its values now."""
        return attribute_sources.trouble(row, timezone.now()) if row.enabled else "not enabled"

    def save_model(self, request: HttpRequest, obj: AttributeSource, form: Any, change: bool) -> None:
        """Note the user; a source that is read elsewhere or otherwise is not measured against what it gave before."""
        obj.changed_by = request.user.get_username()
        if {"kind", "configuration"} & set(form.changed_data):
            obj.good_rows = None
        super().save_model(request, obj, form, change)


@admin.register(AttributeFetch)
class AttributeFetchAdmin(ReadOnlyAdmin):
    """What came of reading them."""

    list_display = ("id", "source", "started", "good", "rows", "unknown", "changed", "version", "run", "error")
    list_filter = ("source", "good")
