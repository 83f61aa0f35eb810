"""Operators' pages of the scheduler: runs and jobs (to look at, and to end), locks, schedules."""

from __future__ import annotations

from typing import Any

import redis
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django_celery_beat.admin import ClockedScheduleAdmin as BaseClockedScheduleAdmin
from django_celery_beat.admin import CrontabScheduleAdmin as BaseCrontabScheduleAdmin
from django_celery_beat.admin import PeriodicTaskAdmin as BasePeriodicTaskAdmin
from django_celery_beat.admin import PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from inventory.admin import ReadOnlyAdmin
from scheduler.ending import end_job, end_run
from scheduler.models import ApplicationLock, Job, Run, RunLog


class History(ReadOnlyAdmin):
    """Rows that nobody adds, changes or deletes by hand."""

    list_per_page = 100
    show_full_result_count = True

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Who may end runs: the permission that its model declares."""
        return request.user.has_perm("scheduler.end_run")


class RunLogInline(TabularInline):
    """The log of a run, under it."""

    model = RunLog
    fields = readonly_fields = ("at", "text")
    extra = 0
    can_delete = False
    per_page = 100

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("scheduler.view_run")


@admin.register(Run)
class RunAdmin(History):
    """Runs over the inventory."""

    list_display = ("id", "application", "state", "author", "writes", "queued_at", "started_at", "ended_at", "error")
    list_filter = ("state", "application", "writes", "author")
    search_fields = ("application", "author", "error", "host")
    date_hierarchy = "queued_at"
    list_select_related = ("job",)
    show_full_result_count = False
    inlines = (RunLogInline,)
    actions = ("end_selected",)

    @action(description="End the selected runs", permissions=["end"])
    def end_selected(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        """Ask them to end; what they have not committed does not exist."""
        _end(self, request, queryset, lambda run: end_run(run, request.user.get_username()))


@admin.register(Job)
class JobAdmin(History):
    """Executions of tasks by workers."""

    list_display = ("id", "task", "state", "attempt", "host", "queued_at", "started_at", "ended_at", "error")
    list_filter = ("state", "task", "host")
    search_fields = ("task", "error", "output")
    date_hierarchy = "queued_at"
    show_full_result_count = False
    actions = ("end_selected",)

    @action(description="End the selected jobs", permissions=["end"])
    def end_selected(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Have their processes ended."""
        _end(self, request, queryset, end_job)


def _end(page: ModelAdmin, request: HttpRequest, rows: QuerySet[Any], end: Any) -> None:
    try:
        ended = sum(bool(end(row)) for row in rows)
    except redis.RedisError as error:
        page.message_user(request, f"Redis does not answer, so nothing can be ended now: {error}", messages.ERROR)
        return
    page.message_user(request, f"{ended} were asked to end; {rows.count() - ended} had ended already.")


@admin.register(ApplicationLock)
class ApplicationLockAdmin(ModelAdmin):
    """Applications that operators stopped; deleting a row starts them again."""

    list_display = ("application", "user", "service", "note", "locked_at")
    list_filter = ("application",)
    search_fields = ("application", "user", "note")
    readonly_fields = ("user", "locked_at")

    def save_model(self, request: HttpRequest, obj: ApplicationLock, form: Any, change: bool) -> None:
        """A lock is its maker's."""
        if not change:
            obj.user = request.user.get_username()
        super().save_model(request, obj, form, change)


class _TaskSelect(UnfoldAdminSelectWidget, TaskSelectWidget):
    """The choice of a registered task, dressed as the other fields."""


class ScheduleForm(PeriodicTaskForm):
    """A schedule's form, dressed as the other pages."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = _TaskSelect()


for _model in (PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(_model)


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(BasePeriodicTaskAdmin, ModelAdmin):
    """When which task is sent."""

    form = ScheduleForm


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(ModelAdmin):
    """Every so many seconds, minutes, …"""


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(BaseCrontabScheduleAdmin, ModelAdmin):
    """At times as cron tells them."""


@admin.register(SolarSchedule)
class SolarScheduleAdmin(ModelAdmin):
    """By the sun."""


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(BaseClockedScheduleAdmin, ModelAdmin):
    """Once, at a given time."""
