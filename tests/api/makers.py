"""One row, numbered 1, of everything that ``/api/v1/`` shows of the database."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from consistency import history as check_history
from consistency.models import Check, SiteConsistency
from dealer import history as dealer_history
from dealer import models as dealer
from detox import history as detox_history
from detox import models as detox
from fileops.models import Attempt, Subscription, file_key
from inventory import parquet
from inventory.policy import versions
from registry.models import AttributeFetch, AttributeSource, CopyRequest, DeletionRequest, DetoxLock, Injection
from scheduler.models import ApplicationLock, Job, Run, RunLog
from tests.detox.store import POLICY
from tests.registry.makers import BIG

NOW = datetime(2030, 1, 31, 12, 0, 0, 250_000, tzinfo=UTC)
LFN = "/store/big/1.root"


def a_little_of_everything() -> None:
    """Fill the tables and the history directory."""
    _requests()
    _runs()
    _detox()
    _dealer()
    _files()
    _checks()
    versions.save("Physics.txt", POLICY, "ann", "load")
    source = AttributeSource.objects.create(
        pk=1, name="popularity", kind="csv", configuration={"path": "popularity.csv"}
    )
    AttributeFetch.objects.create(pk=1, source=source, started=NOW, ended=NOW, author="dynamo", good=True, rows=3)


def _requests() -> None:
    for kind, group in ((CopyRequest, "AnalysisOps"), (DeletionRequest, "")):
        number = 1 if kind is CopyRequest else 2
        request = kind.objects.create(
            pk=number,
            user="ann",
            group=group,
            first_asked=NOW,
            last_asked=NOW,
            site_patterns=["T2_*"],
            status="activated",
        )
        request.items.create(item=BIG)
        request.sites.create(site="T2_A")
        request.actions.create(item=BIG, site="T2_A", updated=NOW)
    for number, kind in ((1, "inject"), (2, "delete")):
        row = Injection(pk=number, kind=kind, user="ann", counts={"datasets": 1}, asked=NOW)
        row.document = {"dataset": []}
        row.save()
    DetoxLock.objects.create(pk=1, user="ann", item=BIG, locked=NOW, expires=NOW)
    ApplicationLock.objects.create(pk=1, application="dealer", user="ann")


def _runs() -> None:
    job = Job.objects.create(pk=1, task="detox.cycle", key="detox", message="m1", state="done", ended_at=NOW)
    run = Run.objects.create(
        pk=1, application="detox", author="ann", host="h", pid=1, job=job, state="done", versions_written=[3]
    )
    RunLog.objects.create(pk=1, run=run, text="decided")


def _detox() -> None:
    cycle = detox.Cycle.objects.create(
        pk=1,
        partition="Physics",
        state="done",
        author="ann",
        started=NOW,
        ended=NOW,
        policy=POLICY,
        lines={"0": "Dismiss"},
    )
    detox.CycleSite.objects.create(
        pk=1, cycle=cycle, site="T2_A", quota=-1, protected=100, reason="below its watermark"
    )
    decisions = [("T2_A", BIG, "protected", 1, 2, 300), ("T2_B", BIG, "kept", 0, 1, 100)]
    frame = pl.DataFrame(decisions, detox_history.FRAMES["decisions"], orient="row")
    detox_history.keep(1, {"decisions": frame})
    detox.Comparison.objects.create(
        pk=1, author="ann", state="done", created=NOW, question={"subject": "Physics"}, answer={"notes": []}
    )


def _dealer() -> None:
    cycle = dealer.Cycle.objects.create(
        pk=1,
        partition="Physics",
        state="done",
        author="dealer",
        started=NOW,
        ended=NOW,
        refusals={"requests": {"Destination is full": 2}},
    )
    dealer.CycleSite.objects.create(pk=1, cycle=cycle, site="T2_A", verdict="1 blocks placed")
    dealer.CycleAnswer.objects.create(
        pk=1, cycle=cycle, plugin="requests", cause="request 1", number=1, verdict="accept", actions=[[BIG, "T2_A"]]
    )
    copies = pl.DataFrame(
        [
            {
                "site": "T2_A",
                "dataset": BIG,
                "block": "b1",
                "group": "AnalysisOps",
                "kind": "copy",
                "size": 100,
                "plugin": "requests",
            }
        ]
    )
    schema = dealer_history.FRAMES["copies"]
    whole = pl.concat(
        [pl.DataFrame(schema=schema), copies.select(pl.col(name).cast(schema[name]) for name in copies.columns)],
        how="diagonal",
    )
    parquet.keep(whole.select(schema.names()), dealer_history.directory_of(1) / "copies.parquet")


def _files() -> None:
    for number, operation in ((1, "copy"), (2, "delete")):
        site = "T2_B" if operation == "copy" else "T2_A"
        Subscription.objects.create(
            pk=number, site=site, lfn=LFN, key=file_key(site, LFN), open_key=file_key(site, LFN), dataset=BIG, block="b1", size=100,
            operation=operation, state="held", reason="no_source", author="ann", created=NOW, updated=NOW,
        )  # fmt: skip
        Attempt.objects.create(
            pk=number, subscription=number, operation=operation, lfn=LFN, destination=site, created=NOW, submitted=NOW, started=NOW,
            finished=NOW, exit_code=110, message="Connection timed out", batch=1,
        )  # fmt: skip


def _checks() -> None:
    Check.objects.create(
        pk=1, site="T2_A", state="done", author="ann", started=NOW, ended=NOW, num_missing=1, alarms=["much is missing"]
    )
    missing = pl.DataFrame({"directory": ["/store/big"], "base_name": ["1.root"], "size": [100]})
    check_history.keep(1, {"missing": missing})
    SiteConsistency.objects.create(pk=1, site="T2_A")
