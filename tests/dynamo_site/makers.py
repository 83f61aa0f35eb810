"""What the suites of the pages share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.urls import reverse

if TYPE_CHECKING:
    from tests.dynamo_site.conftest import Filled


def addresses(filled: Filled) -> list[str]:
    """Every page that shows something, without those that only lead to another."""
    why = reverse("detox-why", args=[filled.deleting])
    of = {
        "detox-cycle": filled.deleting, "detox-policy": filled.deleting, "dealer-cycle": filled.dealer, "request": filled.request,
        "check": filled.check, "run": filled.run,
    }  # fmt: skip
    lists = (
        "front",
        "detox-lines",
        "requests",
        "locks",
        "files",
        "activity",
        "checks",
        "runs",
        "sources",
        "statistics",
        "dealer-rules",
        "datasets",
        "sites",
        "groups",
        "policies",
        "search",
        "sequences",
        "applications",
        "application-locks",
    )
    return [
        *(reverse(name) for name in lists), *(reverse(name, args=[number]) for name, number in of.items()),
        reverse("detox-cycle", args=[filled.after]), reverse("detox-cycle", args=[filled.test]),
        reverse("detox-cycle", args=[filled.deleting]) + "?scale=bytes&q=*",
        reverse("detox-site", args=[filled.deleting, "T2_A"]), f"{why}?site=T2_A&dataset=/Old/A/AOD",
        f"{why}?site=T2_B&dataset=/Older/A/AOD", reverse("request", args=[filled.waiting]), reverse("locks") + "?which=all",
        reverse("statistics") + "?statistic=usage&list_by=group", reverse("statistics") + "?statistic=replication&list_by=site",
        *of_the_inventory(), reverse("requests") + "?status=open", reverse("policy", args=["Physics.txt"]),
        reverse("activity") + "?period=1h&by=link", reverse("files") + "?site=T2_B&reason=no_source",
    ]  # fmt: skip


def of_the_inventory() -> list[str]:
    """Pages of what the inventory has, which need it."""
    dataset, site, group = "name=/Old/A/AOD", "name=T2_A", "name=AnalysisOps"
    return [
        f"{reverse('dataset')}?{dataset}", f"{reverse('dataset-now')}?{dataset}", f"{reverse('site')}?{site}",
        f"{reverse('group')}?{group}", reverse("datasets") + "?q=/Old*&sort=num_access&order=down",
    ]  # fmt: skip


def forms(filled: Filled) -> list[str]:
    """Pages with something to fill in, for who has logged in; some for operators only."""
    return [
        reverse("ask-copy") + "?items=/Old/A/AOD", reverse("ask-deletion"), reverse("lock") + "?item=/Old/A/AOD", reverse("quotas"),
        reverse("account"), reverse("detox-compare"), reverse("policy-edit", args=["Physics.txt"]), reverse("policy-new"),
        reverse("request", args=[filled.waiting]), reverse("locks"), reverse("application-locks"), reverse("audit"), reverse("users"), reverse("user", args=[User.objects.order_by("pk").first().pk]),
    ]  # fmt: skip


@contextmanager
def away() -> Iterator[None]:
    """The inventory's server does not run."""
    from inventory import client
    from inventory.remote import ServerBackend
    from testbed.processes import free_ports

    with client.using(ServerBackend(f"grpc://127.0.0.1:{free_ports(1)[0]}", "token", None)):
        yield
