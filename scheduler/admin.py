"""Operators' pages of the scheduler: runs and jobs (to look at, and to end), locks, schedules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string
from django_celery_beat.admin import ClockedScheduleAdmin as BaseClockedScheduleAdmin
from django_celery_beat.admin import CrontabScheduleAdmin as BaseCrontabScheduleAdmin
from django_celery_beat.admin import PeriodicTaskAdmin as BasePeriodicTaskAdmin
from django_celery_beat.admin import PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from inventory.admin import ReadOnlyAdmin
from scheduler import applications, sequences
from scheduler.ending import end_job, end_run
from scheduler.errors import ProgramRefused
from scheduler.models import Application, ApplicationLock, Authorisation, Job, Run, RunLog, Sequence, SequenceStep


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


class Inside(History):
    """What has arguments, outputs and errors, with secrets in them perhaps: for operators, not for all who look at lists."""

    inside = ("arguments", "error", "output")

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """These fields, for others."""
        return () if _sees(request) else self.inside

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """The list without them, for others."""
        shown = super().get_list_display(request)
        return tuple(name for name in shown if _sees(request) or name not in self.inside)

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Nor are they found out by searching."""
        shown = super().get_search_fields(request)
        return tuple(name for name in shown if _sees(request) or name not in self.inside)


def _sees(request: HttpRequest) -> bool:
    return request.user.is_superuser or bool(import_string(settings.APPLICATION_RIGHT)(request.user))


@admin.register(Job)
class JobAdmin(Inside):
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
        ended = 0
        for row in rows:
            if end(row):
                page.log_change(request, row, "ended by hand")
                ended += 1
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


@admin.register(Authorisation)
class AuthorisationAdmin(ModelAdmin):
    """Contents that may write the inventory; deleting a row withdraws it at once, also from a program that runs."""

    list_display = ("title", "user", "sha256", "authorised_by", "authorised_at", "note")
    list_filter = ("user",)
    search_fields = ("title", "sha256", "note", "user__username")
    autocomplete_fields = ("user",)
    readonly_fields = ("authorised_by", "authorised_at")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Another content or user is another authorisation: who gave it has to be true.
        return False

    def save_model(self, request: HttpRequest, obj: Authorisation, form: Any, change: bool) -> None:
        """Whoever saves it authorises it."""
        obj.authorised_by = request.user.get_username()
        super().save_model(request, obj, form, change)


@admin.register(Application)
class ApplicationAdmin(Inside):
    """Users' programs."""

    list_display = ("id", "title", "state", "author", "level", "queued_at", "started_at", "ended_at", "error")
    list_filter = ("state", "level", "author")
    search_fields = ("title", "author", "error", "sha256", "path")
    date_hierarchy = "queued_at"
    list_select_related = ("run", "job")
    show_full_result_count = False
    actions = ("end_selected",)

    @action(description="End the selected programs", permissions=["end"])
    def end_selected(self, request: HttpRequest, queryset: QuerySet[Application]) -> None:
        """Have them ended; nothing of them is written."""
        _end(self, request, queryset, lambda row: applications.kill(row, request.user.get_username()))


class StepInline(TabularInline):
    """The steps of a sequence, in order."""

    model = SequenceStep
    fields = ("position", "kind", "on_failure", "title", "path", "level", "arguments", "limit_hours", "wait", "last")
    readonly_fields = ("last",)
    ordering = ("position",)
    extra = 0

    def get_fields(self, request: HttpRequest, obj: Sequence | None = None) -> tuple[str, ...]:
        """Arguments are for the owner and operators."""
        sees = obj is None or obj.owner == request.user or _sees(request)
        return tuple(name for name in self.fields if sees or name != "arguments")


@admin.register(Sequence)
class SequenceAdmin(ModelAdmin):
    """Sequences with their steps; a step that failed last is told in the list."""

    list_display = ("name", "owner", "enabled", "phase", "position", "rounds", "failures", "failing", "changed_at")
    list_filter = ("enabled", "phase", "owner")
    search_fields = ("name",)
    autocomplete_fields = ("owner",)
    fields = ("name", "owner", "restart", "phase", "position", "until", "rounds", "failures", "enabled")
    readonly_fields = ("phase", "position", "until", "rounds", "failures", "enabled")
    inlines = (StepInline,)
    actions = ("start_selected", "stop_selected", "export_selected")

    @admin.display(description="failing step")
    def failing(self, row: Sequence) -> str:
        """The step whose last program did not end well."""
        step = row.steps.filter(last__state__in=sequences.FAILURES).order_by("position").first()
        return f"{step.position}: {step.title} {step.last.state}" if step else ""

    def has_change_permission(self, request: HttpRequest, obj: Sequence | None = None) -> bool:
        # Steps must not move under the one that is being done; and whoever writes them has programs run in the owner's name.
        if obj is not None and (obj.enabled or not (request.user.is_superuser or obj.owner == request.user)):
            return False
        return super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Sequence | None = None) -> tuple[str, ...]:
        """Only an administrator gives a sequence to somebody else."""
        return self.readonly_fields if request.user.is_superuser else ("owner", *self.readonly_fields)

    def save_model(self, request: HttpRequest, obj: Sequence, form: Any, change: bool) -> None:
        """A new one is its maker's, unless an administrator said whose."""
        if not change and not request.user.is_superuser:
            obj.owner = request.user
        super().save_model(request, obj, form, change)

    def has_control_permission(self, request: HttpRequest) -> bool:
        """Who may start and stop: the permission that the model declares."""
        return request.user.has_perm("scheduler.control_sequence")

    @action(description="Start the selected sequences", permissions=["control"])
    def start_selected(self, request: HttpRequest, queryset: QuerySet[Sequence]) -> None:
        """From the first step, or where each stopped."""
        self._each(request, queryset, lambda row: sequences.start(row.name))

    @action(description="Stop the selected sequences (their present programs go on)", permissions=["control"])
    def stop_selected(self, request: HttpRequest, queryset: QuerySet[Sequence]) -> None:
        """No further step is done."""
        self._each(request, queryset, lambda row: sequences.stop(row.name, request.user.get_username()))

    @action(description="Export the selected sequences as a classic file", permissions=["view"])
    def export_selected(self, request: HttpRequest, queryset: QuerySet[Sequence]) -> HttpResponse | None:
        """A text file to download."""
        try:
            text = sequences.export_text([row.name for row in queryset], self._sees(request))
        except ProgramRefused as error:
            self.message_user(request, str(error), messages.ERROR)
            return None
        return HttpResponse(
            text, content_type="text/plain; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="sequences.txt"'},
        )  # fmt: skip

    @staticmethod
    def _sees(request: HttpRequest) -> Callable[[str], bool]:
        everything = _sees(request)
        return lambda owner: everything or owner == request.user.get_username()

    def _each(self, request: HttpRequest, rows: QuerySet[Sequence], do: Callable[[Sequence], object]) -> None:
        for row in rows:
            try:
                do(row)
            except ProgramRefused as error:
                self.message_user(request, str(error), messages.ERROR)
        self.message_user(request, f"{rows.count()} sequences asked; the list tells where they stand")
