"""A Dynamo with something of everything, for the pages to show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.utils import timezone

from consistency import history as check_history
from consistency.frames import SPARED
from consistency.models import Check, CheckState
from dealer.cycle import Options
from dealer.cycle import run_cycle as run_dealer
from detox.cycle import run_cycle, try_cycle
from fileops.models import Attempt, Subscription, file_key
from registry.models import CopyRequest, DetoxLock, RequestAction, RequestItem, RequestSite
from scheduler.models import ApplicationLock, Run
from tests.detox import store

EVIL = "<script>alert(1)</script>"


@dataclass(frozen=True)
class Filled:
    """Numbers of what there is: a Detox cycle that deleted, one after it, a test run, and so on."""

    deleting: int
    after: int
    test: int
    dealer: int
    request: int
    waiting: int
    check: int
    run: int


@pytest.fixture
def directories(settings: Any, tmp_path: Path) -> Path:
    """History and policies of this test's own; returns the policy directory."""
    settings.HISTORY_DIR, settings.POLICY_DIR = tmp_path / "history", tmp_path / "policies"
    settings.DETOX_ENFORCER_PROTECTED = ""
    settings.POLICY_DIR.mkdir()
    return settings.POLICY_DIR


@pytest.fixture
def filled(inventory: Any, empty_redis: Any, directories: Path) -> Filled:
    """Cycles of both engines, requests, locks, file operations, a check and runs; names with markup in them where names are free."""
    (directories / "Physics.txt").write_text(store.POLICY)
    store.full_site(inventory)
    test, deleting = try_cycle(store.parsed(), "tina"), run_cycle(store.parsed(), "alice", comment=f"first {EVIL}")
    after = run_cycle(store.parsed(), "alice")
    request = make_request("/New/A/AOD", ["T2_B"])
    dealer = run_dealer("Physics", Options("dora"))
    waiting = make_request(f"/No{EVIL}/A/AOD", ["T2_B"], reason=f"no such dataset {EVIL}")
    _file_operations()
    _lock()
    ApplicationLock.objects.create(application="dealer", user="olga", note=f"maintenance {EVIL}")
    failed = Run.objects.create(
        application="detox", author="alice", host="h", pid=1, state="failed", error=f"broke {EVIL}",
        started_at=timezone.now(), ended_at=timezone.now(), arguments={"policy": EVIL},
    )  # fmt: skip
    failed.log_lines.create(text=f"line {EVIL}")
    return Filled(deleting.pk, after.pk, test.pk, dealer.pk, request.pk, waiting.pk, _check().pk, failed.pk)


def make_request(item: str, sites: list[str], reason: str = "") -> CopyRequest:
    """A new copy request of ``ann``."""
    now = timezone.now()
    made = CopyRequest.objects.create(
        user="ann", group="AnalysisOps", site_patterns=sites, first_asked=now, last_asked=now, reason=reason
    )
    RequestItem.objects.create(request_id=made.pk, item=item)
    RequestSite.objects.bulk_create(RequestSite(request_id=made.pk, site=site) for site in sites)
    RequestAction.objects.create(request_id=made.pk, item=item, site=sites[0], updated=now)
    return made


def _file_operations() -> None:
    now = timezone.now()
    for number, state in enumerate(("new", "held", "done")):
        lfn = f"/store/{EVIL}/{'long' * 60}/{number}.root"
        key = file_key("T2_B", lfn)
        Subscription.objects.create(
            site="T2_B", lfn=lfn, key=key, open_key=None if state == "done" else key, dataset="/New/A/AOD", size=10**9,
            operation="copy", state=state, reason="no_source" if state == "held" else "", message=f"m {EVIL}", author="x",
            created=now, updated=now,
        )  # fmt: skip
    for code in (0, 5):
        Attempt.objects.create(
            subscription=1, operation="copy", lfn=f"/store/{EVIL}", source="T2_A", destination="T2_B", size=10**9,
            created=now, submitted=now, started=now, finished=now - timedelta(minutes=1), exit_code=code,
            message=f"fell {EVIL}", batch=1,
        )  # fmt: skip


def _lock() -> None:
    now = timezone.now()
    for days in (1, -1):
        DetoxLock.objects.create(
            item=f"/Locked{days}/{EVIL}/AOD", user="ann", comment=f"thesis {EVIL}", locked=now - timedelta(days=2),
            expires=now + timedelta(days=days),
        )  # fmt: skip


def _check() -> Check:
    now = timezone.now()
    check = Check.objects.create(
        site="T2_A", state=CheckState.DONE, author="carl", started=now, ended=now, num_files=3, num_spared=1,
        alarms=[f"many are missing {EVIL}"],
    )  # fmt: skip
    rows = {"kind": ["orphan"], "directory": [f"/store/{EVIL}"], "base_name": ["f.root"], "size": [3], "reason": [EVIL]}
    check_history.keep(check.pk, {"spared": pl.DataFrame(rows, schema=SPARED)})
    return check
