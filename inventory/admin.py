"""Admin pages: the log and the tables that follow it, to look at only. What operators tune has its page in ``dynamo_site``."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin

from inventory import models
from inventory.history.shown import actions


class ReadOnlyAdmin(ModelAdmin):
    """Pages that show and change nothing: the inventory is changed by change sets."""

    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False


class FollowedAdmin(ReadOnlyAdmin):
    """Pages of what has a history: *History* shows who changed it, when, and from what to what."""

    kind = ""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The newest changes, from the inventory's history instead of the administration's."""
        row = self.get_object(request, object_id)
        shown = {} if row is None else {"action_list": actions(self.kind, row.name), "pagination_required": False}
        return super().history_view(request, object_id, {**shown, **(extra_context or {})})


@admin.register(models.UpdateRecord)
class UpdateRecordAdmin(ReadOnlyAdmin):
    """Who changed what and when."""

    list_display = ("sequence", "author", "service", "run", "time", "size", "counts")
    list_filter = ("service",)
    search_fields = ("=sequence", "author", "transaction", "=run")


@admin.register(models.Leadership)
class LeadershipAdmin(ReadOnlyAdmin):
    """Who leads."""

    list_display = ("epoch", "host", "process", "url", "head", "token")


@admin.register(models.FollowerPosition)
class FollowerPositionAdmin(ReadOnlyAdmin):
    """How far the followers are."""

    list_display = ("name", "sequence", "time")


@admin.register(models.Group)
class GroupAdmin(ReadOnlyAdmin):
    """Owners of replicas."""

    list_display = ("name", "level")
    list_filter = ("level",)
    search_fields = ("name",)


@admin.register(models.Site)
class SiteAdmin(FollowedAdmin):
    """Storage sites."""

    kind = "site"

    list_display = ("name", "storage_type", "status", "backend")
    list_filter = ("storage_type", "status")
    search_fields = ("name", "host")


@admin.register(models.PathRule)
class PathRuleAdmin(ReadOnlyAdmin):
    """How LFNs become physical names."""

    list_display = ("site", "protocol", "position", "chain", "lfn_pattern", "pfn_template")
    list_select_related = ("site",)
    search_fields = ("site__name", "protocol")


@admin.register(models.Partition)
class PartitionAdmin(ReadOnlyAdmin):
    """Partitions."""

    list_display = ("name", "definition")
    search_fields = ("name",)


@admin.register(models.Quota)
class QuotaAdmin(ReadOnlyAdmin):
    """Space of partitions at sites."""

    list_display = ("site", "partition", "quota")
    list_filter = ("partition",)
    list_select_related = ("site", "partition")
    search_fields = ("site__name",)


@admin.register(models.Dataset)
class DatasetAdmin(FollowedAdmin):
    """Datasets."""

    kind = "dataset"

    list_display = ("name", "status", "data_type", "is_open", "num_access")
    list_filter = ("status", "is_open")
    search_fields = ("name",)


@admin.register(models.Block)
class BlockAdmin(ReadOnlyAdmin):
    """Blocks."""

    list_display = ("name", "dataset", "size", "num_files", "is_open")
    list_filter = ("is_open",)
    list_select_related = ("dataset",)
    search_fields = ("name", "dataset__name")


@admin.register(models.File)
class FileAdmin(ReadOnlyAdmin):
    """Files."""

    list_display = ("base_name", "directory", "size")
    search_fields = ("base_name", "directory")


@admin.register(models.DatasetReplica)
class DatasetReplicaAdmin(ReadOnlyAdmin):
    """Datasets at sites."""

    list_display = ("dataset", "site", "group", "growing")
    list_filter = ("growing", "site", "group")
    list_select_related = ("dataset", "site", "group")
    search_fields = ("dataset__name", "site__name")


@admin.register(models.BlockReplica)
class BlockReplicaAdmin(ReadOnlyAdmin):
    """Blocks at sites."""

    list_display = ("block", "dataset", "site", "group", "custodial", "size", "complete")
    list_filter = ("complete", "custodial", "site", "group")
    list_select_related = ("block", "dataset", "site", "group")
    search_fields = ("dataset__name", "block__name", "site__name")


@admin.register(models.ReplicaFile)
class ReplicaFileAdmin(ReadOnlyAdmin):
    """Files that are there of block replicas that are not whole."""

    list_display = ("dataset", "block", "site", "file")
    list_select_related = ("dataset", "block", "site", "file")
