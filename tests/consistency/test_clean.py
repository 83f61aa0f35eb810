"""Cleaning production's area of a real directory, as operators run it."""

from __future__ import annotations

import os
import time
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from consistency.clean import clean_site
from consistency.models import Check, CheckState, SiteConsistency
from fileops.models import Subscription

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis")]
DAY = 86400


@pytest.fixture
def area(inventory, tmp_path):
    """A site with files of several ages in its unmerged and log directories, and a list that protects one workflow."""
    root = tmp_path / "T2_A"
    for lfn, days in {
        "/store/unmerged/old/a.root": 20, "/store/unmerged/new/a.root": 1, "/store/unmerged/busy/a.root": 20,
        "/store/unmerged/logs/a.tar": 30, "/store/unmerged/logs/b.tar": 90, "/store/mc/x/a.root": 90,
    }.items():  # fmt: skip
        path = root / lfn.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
        os.utime(path, (time.time() - days * DAY,) * 2)
    (tmp_path / "protected").write_text("/store/unmerged/busy\n")
    inventory.put(sites=[{"name": "T2_A", "storage_type": "DISK", "status": "READY", "backend": f"file://{root}"}])
    values = {
        "unmerged_directory": "/store/unmerged", "log_directories": ["/store/unmerged/logs"],
        "protected_lfns": str(tmp_path / "protected"), "retries": 1,
    }  # fmt: skip
    SiteConsistency.objects.create(site="T2_A", settings=values)
    return tmp_path


def clean(**keywords):
    return clean_site("T2_A", "alice", lambda text: None, **keywords)


def deletions():
    return sorted(Subscription.objects.values_list("operation", "site", "lfn"))


def test_old_unprotected_files_and_logs_are_deleted(area):
    check = clean()
    assert (check.state, check.num_orphans, check.orphan_size) == (CheckState.DONE, 2, 10)
    assert deletions() == [
        ("delete", "T2_A", "/store/unmerged/logs/b.tar"), ("delete", "T2_A", "/store/unmerged/old/a.root"),
    ]  # fmt: skip


def test_dry_run_only_tells(area):
    out = StringIO()
    call_command("consistency", "clean", "T2_A", "--dry-run", stdout=out)
    assert "/store/unmerged/old/a.root" in out.getvalue() and deletions() == []


@pytest.mark.parametrize(
    ("text", "reason"), [("", "lists no LFN"), ("nonsense\n", "is not an LFN"), (None, "cannot be read")]
)
def test_list_that_cannot_be_trusted_stops_the_cleaning(area, text, reason):
    if text is None:
        (area / "protected").unlink()
    else:
        (area / "protected").write_text(text)
    with pytest.raises(CommandError, match=reason):
        call_command("consistency", "clean", "T2_A", stdout=StringIO())
    assert deletions() == [] and Check.objects.get().state == CheckState.FAILED


def test_list_that_has_shrunk_stops_the_cleaning(area):
    (area / "protected").write_text("".join(f"/store/unmerged/busy{number}\n" for number in range(10)))
    assert clean(dry_run=True).num_protected == 10
    (area / "protected").write_text("/store/unmerged/busy0\n")
    assert "at the last cleaning 10" in clean().error and deletions() == []


def test_site_without_areas_has_nothing_to_clean(area):
    SiteConsistency.objects.update(settings={})
    assert clean() is None


def test_a_cleaning_that_is_interrupted_or_cannot_be_kept_ends_as_failed(area, settings, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("consistency.clean.choose", interrupted)
        with pytest.raises(KeyboardInterrupt):
            clean()
    settings.HISTORY_DIR = area / "full"
    (area / "full").write_text("a file where a directory should be")
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("consistency", "clean", "T2_A")
    killed = Check.objects.create(site="T2_A", kind="clean", author="alice", started=Check.objects.first().started)
    settings.HISTORY_DIR = area / "history"
    assert clean().state == CheckState.DONE
    assert [check.state for check in Check.objects.order_by("pk")] == ["failed", "failed", "failed", "done"]
    killed.refresh_from_db()
    assert "interrupted" in killed.error


def test_a_site_that_no_storage_serves_is_told_in_one_line(area, inventory):
    inventory.put(sites=[{"name": "T2_A", "backend": "gopher://x"}])
    with pytest.raises(CommandError, match="gopher"):
        call_command("consistency", "clean", "T2_A", stdout=StringIO())
    assert "gopher" in Check.objects.get().error and deletions() == []
