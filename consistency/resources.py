"""Site consistency under ``/api/v1/``: checks and cleanings, their lists of files, and having a site checked."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from django.db import transaction
from django.db.models import QuerySet

from consistency import history, tasks
from consistency.models import Check, SiteConsistency
from inventory import client
from registry.access import Access
from registry.api.columns import by_name
from registry.api.problems import TOLD_AS
from registry.api.rows import of_model
from registry.api.schema import example
from registry.api.strict import Body, Boolean, Text
from registry.api.tables import field, table
from registry.api.writing import ACCEPTED, Call, Resource, listing, operation, route
from registry.errors import NotThere
from scheduler.sending import queue_after_commit

TOLD_AS[history.NotKept] = "gone"
FIELDS = by_name(*of_model(
    Check, "id", "site", "kind", "state", "author", "dry_run", "confirms", "started", "ended", "version", "num_files",
    "num_directories", "num_unlisted", "num_missing", "missing_size", "num_orphans", "orphan_size", "num_mismatched",
    "num_unrecoverable", "num_spared", "num_protected", "num_empty_directories", "alarms", "error",
))  # fmt: skip
UNDER_CHECK = by_name(*of_model(SiteConsistency, "site", "enabled", "every"))
PATHS = by_name(
    field("path", "text", "LFN, or directory", "/store/mc/1.root"), field("size", "integer", "bytes", 1000, unit="bytes", nullable=True),
    field("reason", "text", "why, where there is more to say", "", nullable=True),
)  # fmt: skip


@example(site="T2_CH_CERN", dry_run=True)
class CheckWished(Body):
    """A check of a site."""

    site = Text(max_length=128)
    dry_run = Boolean(required=False, default=False, help_text="only tell what would be done")


class Checks(Resource):
    """Checks and cleanings of sites."""

    @listing(FIELDS)
    def list(self, call: Call) -> QuerySet[Check]:
        """Checks and cleanings, newest first."""
        return Check.objects.all()

    @operation(body=CheckWished, answer=ACCEPTED, status=202)
    def create(self, call: Call) -> Mapping[str, str]:
        """Have a worker check a site, repair what it finds, and clean its working areas."""
        call.require("operator", "consistency", site=call.body["site"])
        if client.snapshot().row("sites", call.body["site"]) is None:
            raise NotThere(f"there is no site called {call.body['site']}")
        with transaction.atomic():
            call.record("consistency.check", call.body["site"], None, {"dry_run": call.body["dry_run"]})
            queue_after_commit(tasks.check, call.body["site"], dry_run=call.body["dry_run"], author=call.caller.name)
        return {"queued": "consistency.check"}

    @operation(answer=FIELDS)
    def show(self, call: Call) -> Check:
        """One check."""
        return _found(call)

    @table(PATHS)
    def files(self, call: Call) -> pl.DataFrame:
        """A list of a check: missing, orphans, mismatched, unrecoverable, empty_directories, unlisted, spared and others."""
        name = call.path["name"]
        if name not in history.LISTS:
            raise NotThere(f"a check has no list {name[:60]}; there are {', '.join(history.LISTS)}")
        return _paths(history.kept(_found(call).pk, name))


class Sites(Resource):
    """Sites under check."""

    @listing(UNDER_CHECK)
    def list(self, call: Call) -> QuerySet[SiteConsistency]:
        """Which sites are checked, and how often."""
        return SiteConsistency.objects.all()


def _paths(frame: pl.DataFrame) -> pl.DataFrame:
    """Path, size and reason, whichever of them the list has."""
    path = pl.col("lfn") if "lfn" in frame.columns else pl.col("directory")
    if "lfn" not in frame.columns and "base_name" in frame.columns:
        path = pl.concat_str("directory", "base_name", separator="/", ignore_nulls=True)
    rest = [
        pl.col(name).cast(kind) if name in frame.columns else pl.lit(None, kind).alias(name)
        for name, kind in (("size", pl.Int64), ("reason", pl.String))
    ]
    return frame.select(path.cast(pl.String).alias("path"), *rest)


def _found(call: Call) -> Check:
    return call.one(Check.objects.all(), "there is no check")


urlpatterns = [
    route(
        "consistency/runs", Checks, {"get": "list", "post": "create"},
        access=Access(change=("operator", "consistency"), target="consistency", within=True),
    ),
    route("consistency/runs/<int:number>", Checks, {"get": "show"}, name="v1-consistency-runs-one"),
    route("consistency/runs/<int:number>/lists/<str:name>", Checks, {"get": "files"}, name="v1-consistency-runs-list"),
    route("consistency/sites", Sites, {"get": "list"}),
]  # fmt: skip
