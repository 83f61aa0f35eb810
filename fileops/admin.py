"""Admin pages: subscriptions can be let go, everything else is to be looked at only."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import action

from fileops.lifecycle import Event, allowed
from fileops.models import Attempt, Batch, Completion, DirectoryToClean, Subscription, UnmanagedDeletion
from fileops.release import release
from inventory.admin import ReadOnlyAdmin
from registry.callers import caller_of
from registry.errors import Denied


class LookedAt(ReadOnlyAdmin):
    """Rows that nobody adds, changes or deletes by hand."""

    list_per_page = 100


@admin.register(Subscription)
class SubscriptionAdmin(LookedAt):
    list_display = (
        "id",
        "operation",
        "site",
        "state",
        "reason",
        "attempts",
        "lfn",
        "message",
        "cause",
        "author",
        "created",
    )
    list_filter = ("state", "reason", "operation", "site")
    search_fields = ("lfn", "dataset", "cause")
    ordering = ("-id",)
    actions = ("let_go",)

    def has_release_permission(self, request: HttpRequest) -> bool:
        """Who may have held files tried again."""
        return bool(request.user.has_perm("fileops.release_subscription"))

    @action(description="Release: try again at once", permissions=["release"])
    def let_go(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        """Release what is held among the chosen."""
        try:
            count = release(queryset.filter(state__in=allowed(Event.RELEASED)), caller_of(request))
        except Denied as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        self.message_user(request, f"{count} released", messages.SUCCESS if count else messages.WARNING)


@admin.register(UnmanagedDeletion)
class UnmanagedDeletionAdmin(LookedAt):
    list_display = ("id", "lfn", "site", "size", "state", "reason", "attempts", "message", "cause", "author", "created")
    list_filter = ("state", "reason", "site")
    search_fields = ("lfn", "cause")
    ordering = ("-id",)


@admin.register(Batch)
class BatchAdmin(LookedAt):
    list_display = (
        "id",
        "operation",
        "destination",
        "backend",
        "state",
        "num_files",
        "claims",
        "owner",
        "created",
        "finished",
    )
    list_filter = ("state", "operation", "backend", "destination")


@admin.register(Attempt)
class AttemptAdmin(LookedAt):
    list_display = (
        "id", "operation", "lfn", "source", "destination", "size", "submitted", "started", "finished", "exit_code", "message",
    )  # fmt: skip
    list_filter = ("operation", "exit_code", "destination", "source")
    search_fields = ("lfn", "dataset", "message")


@admin.register(Completion)
class CompletionAdmin(LookedAt):
    list_display = ("id", "created", "version")


@admin.register(DirectoryToClean)
class DirectoryToCleanAdmin(LookedAt):
    list_display = ("id", "site", "directory", "author", "queued", "not_before", "message")
    list_filter = ("site",)
    search_fields = ("directory",)
