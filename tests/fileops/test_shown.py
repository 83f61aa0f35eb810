"""What operators and clients see of file operations: reports, commands, admin pages, classic endpoints."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from fileops import reports
from fileops.models import Attempt, Subscription
from registry import rights
from tests.fileops.world import World, make_world
from tests.inventory.fixtures import TestInventory

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Five files to C: three arrived, one has no good source, one waits for its next attempt."""
    made = make_world(tmp_path, ["A", "C"], ["A"])
    made.put("A", "/store/mc/run/f000.root", b"wrong")
    made.wants_copy("C")
    later = Subscription.objects.get(lfn="/store/mc/run/f001.root")
    Subscription.objects.filter(pk=later.pk).update(not_before=timezone.now() + timedelta(hours=1), state="retry")
    made.run()
    made.plan()
    return made


def command(*words: str) -> str:
    out = io.StringIO()
    call_command("fileops", *words, stdout=out)
    return out.getvalue().strip()


def test_status_counts_what_is_open_and_tells_what_takes_too_long(world: World) -> None:
    now = timezone.now()
    status = reports.status(now)
    assert (status.open, status.held, status.unreported, status.overdue) == (
        {"held": 1, "retry": 1}, {"all_failed": 1}, 3, 0,
    )  # fmt: skip
    late = reports.status(now + timedelta(days=8))
    assert late.overdue == 2
    assert [row.lfn for row in reports.overdue(now=now + timedelta(days=8))] == [
        f"/store/mc/run/f00{number}.root" for number in (0, 1)
    ]
    rows = reports.counts("C").select("site", "operation", "state", "reason", "files", "bytes").rows()
    assert rows == [("C", "copy", "held", "all_failed", 1, 10_000), ("C", "copy", "retry", "", 1, 10_001)]
    assert reports.counts("A").is_empty()


def test_volume_over_time_and_failures(world: World) -> None:
    now = timezone.now()
    hour_ago = now - timedelta(hours=1)
    tried = reports.attempts(hour_ago, now, "copy")
    for entity, name in (("destination", "C"), ("source", "A"), ("link", "A → C")):
        rows = reports.series(tried, hour_ago, timedelta(hours=2), entity)
        assert rows.rows() == [(int(hour_ago.timestamp()), name, 3, 1, 10_002 + 10_003 + 10_004)]
    failed = reports.failures(hour_ago, now)
    assert failed.select("source", "destination", "exit_code", "failures").rows() == [("A", "C", 5, 1)]
    assert "inventory has 10000 bytes" in failed["message"].item()
    assert reports.attempts(hour_ago, now, "delete").is_empty()


def test_long_periods_are_read_a_day_at_a_time(world: World, inventory: TestInventory) -> None:
    now = timezone.now()
    old = Attempt.objects.filter(operation="copy").order_by("id").first()
    assert old is not None
    Attempt.objects.filter(pk=old.pk).update(finished=now - timedelta(days=2.5))
    days = list(reports.attempts_by_day(now - timedelta(days=1000), now, "copy"))
    assert [day.height for day in days] == [1, 0, 3]
    assert not list(reports.attempts_by_day(now - timedelta(days=1000), now - timedelta(days=4), "copy"))
    (series,) = get("transfers/history", graph="number", period="7d", exit_code="*")
    assert sum(point["y_value"] for point in series["data"]) == 4


def test_the_status_command(world: World) -> None:
    text = command("status")
    assert "held (all_failed): 1 files" in text
    assert "2 open, 3 done and not yet in the inventory" in text
    found = json.loads(command("status", "--site", "C", "--json"))
    assert found["held"] == {"all_failed": 1}
    assert {row["state"] for row in found["sites"]} == {"held", "retry"}


def test_the_held_command_tells_reason_and_error(world: World) -> None:
    text = command("held", "--site", "C")
    assert "/store/mc/run/f000.root at C: all_failed, 1 attempts" in text
    assert text.endswith("1 held")
    (row,) = json.loads(command("held", "--reason", "all_failed", "--json"))
    assert (row["lfn"], row["cause"], row["author"]) == ("/store/mc/run/f000.root", "a test", "alice")
    assert command("held", "--reason", "no_source") == "0 held"


def test_the_release_command_needs_a_choice(world: World) -> None:
    with pytest.raises(CommandError, match="choose by site"):
        command("release")
    assert Subscription.objects.filter(state="held").count() == 1
    assert command("release", "--reason", "no_source") == "0 released"
    assert json.loads(command("release", "--site", "C", "--json")) == {"released": 2}
    world.put("A", "/store/mc/run/f000.root")
    world.run()
    assert world.states() == {"done": 5}


def test_the_history_command(world: World) -> None:
    assert len(command("history").splitlines()) == 4
    (row,) = json.loads(command("history", "--failed", "--json"))
    assert (row["source"], row["destination"], row["exit_code"]) == ("A", "C", 5)
    assert command("history", "--destination", "A") == "nothing was tried"
    assert "A → C: done" in command("history", "--source", "A")


def test_the_advance_command_says_so_when_there_is_no_inventory() -> None:
    assert command("advance").startswith("no answer from the inventory server at")


def test_the_advance_command(inventory: TestInventory, empty_redis: object) -> None:
    assert command("advance") == "nothing to do"
    assert json.loads(command("advance", "--json"))["done"] == 0


def get(path: str, **parameters: str) -> Any:
    answer = Client().get(f"/data/{path}", parameters)
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]


def test_held_transfers_for_classic_clients(world: World) -> None:
    assert get("transfers/held/summary") == [
        {"site": "C", "counts": {"no_source": 0, "all_failed": 1, "site_unavailable": 0, "unknown": 0}}
    ]
    (row,) = get("transfers/held/detail", site="C", reason="all_failed")
    assert (row["file"], row["destination"]) == ("/store/mc/run/f000.root", "C")
    assert row["attempts"] == [{"source": "A", "exitcode": 5}]
    Subscription.objects.filter(state="held").update(reason="destination_full")
    (site,) = get("transfers/held/summary")
    assert site["counts"]["unknown"] == site["counts"]["destination_full"] == 1
    assert len(get("transfers/held/detail", reason="unknown")) == 1
    assert get("transfers/held/detail", reason="no_source") == []


def test_current_transfers_for_classic_clients(world: World) -> None:
    assert get("transfers/current") == []
    Subscription.objects.update(not_before=None)
    world.plan()
    (row,) = get("transfers/current")
    began = row.pop("start")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", began)
    assert row == {
        "id": row["id"], "from": "A", "to": "C", "lfn": "/store/mc/run/f001.root", "size": 10_001, "status": "inprogress",
        "finish": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("graph", "parameters", "total"),
    [
        ("volume", {}, 30_009e-9),
        ("number", {}, 3.0),
        ("number", {"exit_code": "*"}, 4.0),
        ("number", {"exit_code": "!0"}, 1.0),
        ("number", {"exit_code": "5"}, 1.0),
        ("number", {"entity": "link", "src_filter": "A", "dest_filter": "_"}, 3.0),
        ("number", {"period": "3w"}, 3.0),
        ("number", {"src_filter": "", "dest_filter": ""}, 3.0),
    ],
)
def test_transfer_history_for_classic_clients(
    world: World, inventory: TestInventory, graph: str, parameters: dict[str, str], total: float
) -> None:
    (series,) = get("transfers/history", graph=graph, **parameters)
    assert sum(point["y_value"] for point in series["data"]) == pytest.approx(total)
    assert series["name"] == ("A → C" if "entity" in parameters else "C")
    unit = " GB" if graph == "volume" else ""
    assert re.fullmatch(
        rf"Min: 0\.000{unit}, Max: \S+{unit}, Avg: \S+{unit}, Last: \S+{unit}", series["summary_string"]
    )
    times = [point["time"] for point in series["data"]]
    assert times == sorted(times)
    assert len(times) >= 10


def test_cumulative_history_never_falls(world: World, inventory: TestInventory) -> None:
    (series,) = get("transfers/history", graph="cumulative")
    values = [point["y_value"] for point in series["data"]]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(30_009e-9)
    assert series["summary_string"] == "Total: 0.000 GB, Avg Rate: 0.000 GB/s"


def test_history_without_anything_has_its_heading(world: World, inventory: TestInventory) -> None:
    (series,) = get("deletions/history")
    assert (series["data"], series["summary_string"]) == ([], "nothing")
    (none,) = get("transfers/history", src_filter="B%")
    assert none["data"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"period": "1y"},
        {"upto": "x"},
        {"exit_code": "one"},
        {"graph": "pie"},
        {"color": "red"},
        {"period": "99999w"},
        {"period": "99999w", "upto": "99999w"},
    ],
)
def test_wrong_parameters_are_named(wrong: dict[str, str], inventory: TestInventory) -> None:
    answer = Client().get("/data/transfers/history", wrong)
    assert answer.status_code == 400
    assert next(iter(wrong)) in answer.json()["message"]


def signed_in(*permissions: str) -> Client:
    user = User.objects.create_user("olga", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def test_operators_release_held_files_on_the_admin_page(world: World) -> None:
    client = signed_in("view_subscription")
    rights.grant(User.objects.get(), "operator", "fileops")
    page = client.get("/admin/fileops/subscription/", {"state__exact": "held"})
    assert b"f000.root" in page.content
    ids = [str(row.pk) for row in Subscription.objects.all()]
    client.post("/admin/fileops/subscription/", {"action": "let_go", "_selected_action": ids})
    assert world.states() == {"done": 3, "new": 2}
    assert Subscription.objects.filter(state="new").first().message == "released by olga"


def test_who_may_only_look_cannot_release(world: World) -> None:
    client = signed_in("view_subscription", "release_subscription")
    client.post("/admin/fileops/subscription/", {"action": "let_go", "_selected_action": ["1"]})
    assert world.states() == {"done": 3, "held:all_failed": 1, "retry": 1}


@pytest.mark.parametrize("page", ["batch", "attempt", "completion", "directorytoclean", "unmanageddeletion"])
def test_history_can_be_looked_at_and_not_changed(world: World, page: str) -> None:
    client = signed_in(f"view_{page}", f"change_{page}", f"delete_{page}", f"add_{page}")
    assert client.get(f"/admin/fileops/{page}/").status_code == 200
    assert client.get(f"/admin/fileops/{page}/add/").status_code == 403
    if page == "attempt":
        number = Attempt.objects.first().pk
        assert client.get(f"/admin/fileops/{page}/{number}/delete/").status_code == 403
        client.post(f"/admin/fileops/{page}/{number}/change/", {"message": "never happened"})
        assert Attempt.objects.get(pk=number).message != "never happened"
