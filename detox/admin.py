"""Admin pages: cycles are history, to be looked at only."""

from __future__ import annotations

from django.contrib import admin

from detox.models import Comparison, Cycle, CycleSite
from inventory.admin import ReadOnlyAdmin


@admin.register(Cycle)
class CycleAdmin(ReadOnlyAdmin):
    list_display = ("id", "partition", "state", "test", "started", "ended", "author", "version", "comment")
    list_filter = ("partition", "state", "test")
    search_fields = ("partition", "author", "comment", "error")


@admin.register(CycleSite)
class CycleSiteAdmin(ReadOnlyAdmin):
    list_display = ("cycle", "site", "state", "triggered", "quota", "protected", "kept", "deleted", "reason")
    list_filter = ("state", "triggered", "site")
    search_fields = ("site", "reason")
    list_select_related = ("cycle",)


@admin.register(Comparison)
class ComparisonAdmin(ReadOnlyAdmin):
    list_display = ("id", "author", "state", "created", "ended", "error")
    list_filter = ("state",)
    search_fields = ("author", "error")
