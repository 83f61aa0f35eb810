"""Admin pages: cycles are history, to be looked at only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from detox.models import Cycle, CycleSite


class HistoryAdmin(ModelAdmin):
    """Rows that nobody adds, changes or deletes by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Cycle)
class CycleAdmin(HistoryAdmin):
    list_display = ("id", "partition", "state", "test", "started", "ended", "author", "version", "comment")
    list_filter = ("partition", "state", "test")
    search_fields = ("partition", "author", "comment", "error")


@admin.register(CycleSite)
class CycleSiteAdmin(HistoryAdmin):
    list_display = ("cycle", "site", "state", "triggered", "quota", "protected", "kept", "deleted", "reason")
    list_filter = ("state", "triggered", "site")
    search_fields = ("site", "reason")
    list_select_related = ("cycle",)
