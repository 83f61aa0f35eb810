"""Cycles in the admin pages: to look at, not to edit."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from dealer.models import Cycle, CycleAnswer, CycleSite


class _History:
    """History is not edited."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False


class _Sites(_History, TabularInline):
    model = CycleSite
    extra = 0


class _Answers(_History, TabularInline):
    model = CycleAnswer
    extra = 0


@admin.register(Cycle)
class CycleAdmin(_History, ModelAdmin):
    """Cycles with what each did at every site and told those who asked."""

    list_display = ("id", "partition", "state", "test", "started", "num_proposals", "num_placed", "volume", "author")
    list_filter = ("partition", "state", "test")
    search_fields = ("id", "partition", "author", "comment", "answers__cause")
    date_hierarchy = "started"
    inlines = (_Sites, _Answers)


@admin.register(CycleSite)
class CycleSiteAdmin(_History, ModelAdmin):
    """Sites over cycles: when something was placed there, and why not."""

    list_display = ("cycle", "site", "state", "volume", "num_blocks", "verdict")
    list_filter = ("state", "site")
    search_fields = ("site", "verdict")
    list_select_related = ("cycle",)


@admin.register(CycleAnswer)
class CycleAnswerAdmin(_History, ModelAdmin):
    """What requests were told, cycle by cycle."""

    list_display = ("cycle", "cause", "verdict", "reason", "moot")
    list_filter = ("verdict", "plugin")
    search_fields = ("cause", "reason")
    list_select_related = ("cycle",)
