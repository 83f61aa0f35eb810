"""Checks of a real directory against a real inventory, as operators run them."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from consistency import check as check_module
from consistency import history
from consistency.check import check_site
from consistency.models import Check, CheckState, SiteConsistency
from consistency.tasks import due
from fileops.models import DirectoryToClean, Subscription

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis")]
DATASET, BLOCK = "/P/E-v1/T", "b1"
LFNS = [f"/store/mc/E/P/T/v1/00/{name}.root" for name in "abcdefgh"]
OLD = time.time() - 30 * 86400


@pytest.fixture
def disk(inventory, tmp_path):
    """A site T2_A with eight files on disk, and T2_B that has the first six of them."""
    for name in ("T2_A", "T2_B"):
        (tmp_path / name).mkdir()
    inventory.put(
        sites=[{"name": n, "storage_type": "DISK", "status": "READY", "backend": f"file://{tmp_path / n}"} for n in ("T2_A", "T2_B")],
        datasets=[{"name": DATASET, "status": "VALID"}], blocks=[{"dataset": DATASET, "name": BLOCK}],
        files=[{"dataset": DATASET, "block": BLOCK, "lfn": lfn, "size": 5} for lfn in LFNS],
        dataset_replicas=[{"dataset": DATASET, "site": n} for n in ("T2_A", "T2_B")],
        block_replicas=[{"dataset": DATASET, "block": BLOCK, "site": n, "complete": n == "T2_A"} for n in ("T2_A", "T2_B")],
        replica_files=[{"dataset": DATASET, "block": BLOCK, "site": "T2_B", "lfn": lfn} for lfn in LFNS[:6]],
    )  # fmt: skip
    SiteConsistency.objects.create(site="T2_A", settings={"directories": ["/store/mc"], "retries": 1})
    for lfn in LFNS:
        write(tmp_path / "T2_A", lfn)
    return tmp_path / "T2_A"


def write(root, lfn, content=b"12345", when=OLD):
    path = root / lfn.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (when, when))


def lose(root, *lfns):
    for lfn in lfns:
        (root / lfn.lstrip("/")).unlink()


def twice(**keywords):
    check_site("T2_A", "alice", lambda text: None)
    return check_site("T2_A", "alice", lambda text: None, **keywords)


def operations():
    return sorted(Subscription.objects.values_list("operation", "site", "lfn"))


def incomplete(inventory):
    replica = inventory.snapshot().named("block_replicas").filter(site="T2_A").collect()
    return replica["num_files"][0], replica["complete"][0]


def test_site_that_agrees_gives_nothing_to_do(disk):
    check = twice()
    assert (check.state, check.num_files, check.num_missing, check.num_orphans) == (CheckState.DONE, 8, 0, 0)
    assert operations() == []


def test_lost_file_is_copied_again_after_the_second_strike(disk, inventory):
    lose(disk, LFNS[0])
    first = check_site("T2_A", "alice", lambda text: None)
    assert first.num_missing == 0 and operations() == []
    second = check_site("T2_A", "alice", lambda text: None)
    assert second.num_missing == 1 and second.missing_size == 5
    assert operations() == [("copy", "T2_A", LFNS[0])]
    assert incomplete(inventory) == (7, False)
    third = check_site("T2_A", "alice", lambda text: None)
    assert third.num_missing == 0, "it is on its way"


def test_file_without_another_copy_alarms_and_is_not_subscribed(disk, inventory):
    lose(disk, LFNS[7])
    check = twice()
    assert check.num_unrecoverable == 1 and "no other copy" in check.alarms[0]
    assert operations() == [] and incomplete(inventory) == (7, False)


def test_dark_file_is_deleted_and_a_young_one_is_not(disk):
    write(disk, "/store/mc/dark/x.root")
    write(disk, "/store/mc/dark/young.root", when=time.time())
    check = check_site("T2_A", "alice", lambda text: None)
    assert check.num_orphans == 1
    assert operations() == [("delete", "T2_A", "/store/mc/dark/x.root")]


def test_file_of_wrong_size_is_copied_again(disk):
    write(disk, LFNS[1], b"123")
    check = twice()
    assert check.num_mismatched == 1
    assert operations() == [("copy", "T2_A", LFNS[1])]


def test_old_empty_directory_is_queued_for_removal(disk):
    (disk / "store/mc/empty").mkdir()
    os.utime(disk / "store/mc/empty", (OLD, OLD))
    twice()
    assert "/store/mc/empty" in DirectoryToClean.objects.values_list("directory", flat=True)


def test_dry_run_changes_nothing(disk, inventory):
    lose(disk, LFNS[0])
    write(disk, "/store/mc/dark/x.root")
    check_site("T2_A", "alice", lambda text: None, dry_run=True)
    before = inventory.snapshot().version
    check = check_site("T2_A", "alice", lambda text: None, dry_run=True)
    assert (check.num_missing, check.num_orphans) == (1, 1)
    assert operations() == [] and inventory.snapshot().version == before


def test_too_many_missing_wait_for_a_confirmation(disk, inventory):
    lose(disk, *LFNS[:6])
    check = twice()
    assert "6 of 8 expected files are missing" in check.alarms[0] and operations() == []
    out = StringIO()
    call_command("consistency", "run", "T2_A", "--confirm", str(check.pk), "--json", stdout=out)
    assert json.loads(out.getvalue())["num_missing"] == 6
    assert len(operations()) == 6


def test_old_check_cannot_be_confirmed(disk):
    check = check_site("T2_A", "alice", lambda text: None)
    Check.objects.filter(pk=check.pk).update(started=check.started - timedelta(days=15))
    with pytest.raises(CommandError, match="older than 14 days"):
        call_command("consistency", "run", "T2_A", "--confirm", str(check.pk))


def test_site_that_is_away_fails_and_changes_nothing(disk, inventory):
    inventory.put(sites=[{"name": "T2_A", "backend": "file:///nowhere/at/all"}])
    version = inventory.snapshot().version
    SiteConsistency.objects.update(settings={"directories": ["/store/mc", "/store/data"], "retries": 1})
    check = twice()
    assert operations() == [] and inventory.snapshot().version == version
    assert check.state == CheckState.FAILED and "mounted" in check.error
    with pytest.raises(CommandError, match="mounted"):
        call_command("consistency", "run", "T2_A")


@pytest.mark.parametrize("step", ["commit", "subscribe"])
def test_check_that_is_killed_while_it_repairs_is_finished_by_the_next(disk, inventory, monkeypatch, step):
    lose(disk, LFNS[0])
    check_site("T2_A", "alice", lambda text: None)
    write(disk, "/store/mc/dark/x.root")

    class Killed(BaseException):
        pass

    def die(*arguments, **keywords):
        raise Killed

    target = (check_module.runs.WriterRun, "commit") if step == "commit" else (check_module, "subscribe_copies")
    with monkeypatch.context() as patch:
        patch.setattr(*target, die)
        with pytest.raises(Killed):
            check_site("T2_A", "alice", lambda text: None)
    killed = Check.objects.first()
    assert killed.state == CheckState.PLANNED and operations() == []
    check_site("T2_A", "alice", lambda text: None)
    killed.refresh_from_db()
    assert killed.state == CheckState.DONE
    assert operations() == [("copy", "T2_A", LFNS[0]), ("delete", "T2_A", "/store/mc/dark/x.root")]
    assert incomplete(inventory) == (7, False)


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"PAR1")])
def test_check_whose_record_is_lost_does_not_stop_the_next(disk, inventory, monkeypatch, damage):
    lose(disk, LFNS[0])
    check_site("T2_A", "alice", lambda text: None)
    with monkeypatch.context() as patch:
        patch.setattr(check_module, "carry_out", lambda run, check: None)
        killed = check_site("T2_A", "alice", lambda text: None)
    damage(history.directory_of(killed.pk) / "copies.parquet")
    assert check_site("T2_A", "alice", lambda text: None).state == CheckState.DONE
    killed.refresh_from_db()
    assert killed.state == CheckState.FAILED and "copies" in killed.error
    assert operations() == [("copy", "T2_A", LFNS[0])]


def test_damaged_list_of_the_check_before_does_not_stop_the_next(disk):
    lose(disk, LFNS[0])
    first = check_site("T2_A", "alice", lambda text: None)
    (history.directory_of(first.pk) / "suspects.parquet").write_bytes(b"PAR1")
    assert check_site("T2_A", "alice", lambda text: None).num_missing == 0
    assert check_site("T2_A", "alice", lambda text: None).num_missing == 1


def test_interrupted_checks_end_and_those_that_go_on_stay(disk):
    from consistency.record import end_interrupted
    from scheduler.models import Run, State

    values = {"site": "T2_A", "author": "a", "started": datetime.now(UTC)}
    Check.objects.create(**values)
    other = Run.objects.create(
        application="consistency", arguments={"site": "T2_A"}, author="a", host="h", pid=1, state=State.RUN
    )
    end_interrupted("T2_A", 0)
    assert Check.objects.get().state == CheckState.LISTING
    Run.objects.filter(pk=other.pk).update(state=State.KILLED)
    check_site("T2_A", "alice", lambda text: None)
    assert [check.state for check in Check.objects.order_by("pk")] == [CheckState.FAILED, CheckState.DONE]


def test_lists_that_cannot_be_written_fail_the_check_in_one_line(disk, settings, tmp_path):
    settings.HISTORY_DIR = tmp_path / "full"
    (tmp_path / "full").write_text("a file where a directory should be")
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("consistency", "run", "T2_A")
    check = Check.objects.get()
    assert check.state == CheckState.FAILED and "cannot be written" in check.error


def test_names_with_control_characters_do_not_reach_the_terminal(disk):
    write(disk, "/store/mc/dark/a\x1b[31m\nb.root")
    out = StringIO()
    call_command("consistency", "run", "T2_A", "--dry-run", stdout=out)
    assert r"/store/mc/dark/a\x1b[31m\nb.root" in out.getvalue() and "\x1b[31m" not in out.getvalue()


def test_commands_tell_what_was_found(disk):
    write(disk, "/store/mc/dark/x.root")
    out = StringIO()
    call_command("consistency", "run", "T2_A", "--dry-run", stdout=out)
    assert "1 orphans" in out.getvalue() and "/store/mc/dark/x.root" in out.getvalue()
    number = Check.objects.first().pk
    for arguments, expected in (
        (["runs"], f"{number}"), (["runs", "--site", "T2_A"], "dry run"), (["show", str(number)], "1 orphans"),
        (["show", str(number), "--list", "orphans"], "x.root"), (["runs", "--site", "T2_X"], "no check yet"),
    ):  # fmt: skip
        out = StringIO()
        call_command("consistency", *arguments, stdout=out)
        assert expected in out.getvalue(), arguments


@pytest.mark.parametrize(
    ("arguments", "text"),
    [(["run", "T9_X"], "no site 'T9_X'"), (["show", "99"], "no check 99"), (["run", "T2_A", "--confirm", "5"], "no finished check 5"),
     (["clean", "T2_A"], "no area to clean")],
)  # fmt: skip
def test_commands_refuse_what_does_not_exist(disk, arguments, text):
    with pytest.raises(CommandError, match=text):
        call_command("consistency", *arguments)


def test_sites_are_due_when_their_interval_has_passed(disk):
    from django.utils import timezone

    assert due(timezone.now()) == ["T2_A"]
    check_site("T2_A", "alice", lambda text: None)
    assert due(timezone.now()) == []
