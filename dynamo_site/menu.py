"""The menu of the administration pages: what there is, by component, and the way back to the pages."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

_Entry = tuple[str, str, str]
_GROUPS: list[tuple[str, list[_Entry]]] = [
    ("Registry", [
        ("Copy requests", "registry_copyrequest", "file_copy"),
        ("Deletion requests", "registry_deletionrequest", "folder_delete"),
        ("Detox locks", "registry_detoxlock", "lock"),
        ("Injections", "registry_injection", "input"),
        ("Cached copy requests", "registry_cachedcopyrequest", "inbox"),
        ("Approval rules", "registry_approvalrule", "approval"),
        ("Notices", "registry_notice", "mail"),
        ("Archived requests", "registry_requestarchive", "archive"),
        ("Attribute sources", "registry_attributesource", "input_circle"),
        ("Readings of sources", "registry_attributefetch", "history"),
    ]),
    ("File operations", [
        ("Subscriptions", "fileops_subscription", "sync_alt"),
        ("Unmanaged deletions", "fileops_unmanageddeletion", "delete_sweep"),
        ("Attempts", "fileops_attempt", "history"),
        ("Batches", "fileops_batch", "stacks"),
        ("Directories to clean", "fileops_directorytoclean", "folder_off"),
        ("Completions", "fileops_completion", "task_alt"),
    ]),
    ("Engines", [
        ("Detox cycles", "detox_cycle", "cleaning_services"),
        ("Detox sites", "detox_cyclesite", "dns"),
        ("Dealer cycles", "dealer_cycle", "share"),
        ("Dealer sites", "dealer_cyclesite", "dns"),
        ("Dealer answers", "dealer_cycleanswer", "forum"),
        ("Consistency checks", "consistency_check", "fact_check"),
        ("Sites under check", "consistency_siteconsistency", "rule_settings"),
    ]),
    ("Runs and schedules", [
        ("Runs", "scheduler_run", "play_circle"),
        ("Jobs", "scheduler_job", "work_history"),
        ("Stopped applications", "scheduler_applicationlock", "pause_circle"),
        ("Users' programs", "scheduler_application", "terminal"),
        ("Authorised programs", "scheduler_authorisation", "verified_user"),
        ("Sequences", "scheduler_sequence", "format_list_numbered"),
        ("Schedules", "django_celery_beat_periodictask", "schedule"),
        ("Intervals", "django_celery_beat_intervalschedule", "timer"),
        ("Crontabs", "django_celery_beat_crontabschedule", "calendar_month"),
    ]),
    ("Inventory", [
        ("Sites", "inventory_site", "dns"),
        ("Quotas", "inventory_quota", "data_usage"),
        ("Groups", "inventory_group", "groups"),
        ("Partitions", "inventory_partition", "pie_chart"),
        ("Datasets", "inventory_dataset", "dataset"),
        ("Blocks", "inventory_block", "view_module"),
        ("Files", "inventory_file", "draft"),
        ("Dataset replicas", "inventory_datasetreplica", "content_copy"),
        ("Block replicas", "inventory_blockreplica", "content_copy"),
        ("Path rules", "inventory_pathrule", "route"),
        ("Update log", "inventory_updaterecord", "receipt_long"),
        ("Leadership", "inventory_leadership", "flag"),
        ("Followers", "inventory_followerposition", "follow_the_signs"),
    ]),
    ("Settings and people", [
        ("Policies", "inventory_policyversion", "policy"),
        ("Settings", "inventory_tunedsetting", "tune"),
        ("Users", "auth_user", "person"),
        ("Groups of users", "auth_group", "group"),
        ("Users' DNs", "registry_userdn", "badge"),
        ("Subjects of tokens", "registry_tokensubject", "fingerprint"),
        ("Limits of rights", "registry_rightlimit", "fence"),
        ("API tokens", "registry_apitoken", "key"),
        ("Audit log", "registry_auditrecord", "history_edu"),
    ]),
]  # fmt: skip


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups of the side bar; entries that the user may not see are left out."""
    pages = [("Overview", "front", "home"), ("Detox monitor", "detox", "monitoring"), ("Requests", "requests", "list")]
    back = {
        "title": "Pages",
        "items": [{"title": t, "icon": i, "link": reverse(name), "active": False} for t, name, i in pages],
    }
    groups = [
        {
            "title": title,
            "collapsible": True,
            "separator": True,
            "items": [_entry(request, *entry) for entry in entries],
        }
        for title, entries in _GROUPS
    ]
    return [back, *groups]


def _entry(request: HttpRequest, title: str, model: str, icon: str) -> dict[str, Any]:
    app, _, name = model.rpartition("_")
    seen = request.user.has_perm(f"{app}.view_{name}") or request.user.has_perm(f"{app}.change_{name}")
    return {
        "title": title, "icon": icon, "link": reverse(f"admin:{model}_changelist"), "permission": lambda _request: seen,
    }  # fmt: skip


def style(request: HttpRequest) -> str:
    """The address of our style sheet for the administration pages."""
    return static("admin.css")


def icon(request: HttpRequest) -> str:
    """The address of the icon of our pages."""
    return static("dynamo.svg")


def environment(request: HttpRequest) -> list[str] | None:
    """A label beside the title, so that a test installation is not taken for the real one."""
    name = settings.ENVIRONMENT_NAME
    return [name, "danger" if name.lower().startswith("prod") else "info"] if name else None
