"""What pages, classic clients and the command line show of cycles."""

from __future__ import annotations

import datetime as dt
import io
import json

import pytest
from django.core.management import CommandError, call_command

from detox import monitor
from detox.cycle import run_cycle, try_cycle
from detox.models import Cycle, CycleState
from inventory.models import TunedSetting
from tests.detox import store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis", "history_dir")]
OLD = "/Old/A/AOD"


@pytest.fixture
def cycles(inventory, settings) -> list[Cycle]:
    """A test run, a cycle that deletes, and one that finds nothing to do."""
    settings.ROOT_URLCONF = "detox.api"
    store.full_site(inventory)
    return [
        try_cycle(store.parsed(), "tina", comment="try"), run_cycle(store.parsed(), "alice", comment="first"),
        run_cycle(store.parsed(), "alice"),
    ]  # fmt: skip


def get(client, path: str, status: int = 200, **parameters: object) -> object:
    response = client.get(f"/data/detox/{path}", parameters)
    assert response.status_code == status, response.content
    return response.json().get("data", response.json()["message"])


def test_summary_tells_each_site_and_what_was_there_before(cycles) -> None:
    found = monitor.summary(cycles[2])
    assert (found["previous"], found["next"], found["trigger"], found["stop"]) == (cycles[1].pk, None, 0.9, 0.5)
    site = found["sites"][0]
    assert (site["site"], site["protected_before"], site["deleted"], site["occupancy"]) == (
        "T2_A",
        2 * store.TB,
        0,
        0.25,
    )
    assert monitor.summary(cycles[1])["next"] == cycles[2].pk
    assert monitor.summary(cycles[1])["total"]["deleted"] == 8 * store.TB


def test_datasets_of_a_site_can_be_sorted_searched_and_paged(cycles) -> None:
    names = [
        row["dataset"] for row in monitor.site_datasets(cycles[1], "T2_A", sort="dataset", descending=False)["datasets"]
    ]
    assert names == ["/New/A/AOD", OLD, "/Older/A/AOD", "/Raw/A/RAW"]
    page = monitor.site_datasets(cycles[1], "T2_A", sort="dataset", descending=False, offset=1, limit=2)
    assert ([row["dataset"] for row in page["datasets"]], page["count"]) == (names[1:3], 4)
    found = monitor.site_datasets(cycles[1], "T2_A", search="/Ol*")
    assert found["count"] == 2
    assert found["datasets"][0] == {
        "dataset": OLD, "decision": "deleted", "line": 0, "num_blocks": 2, "size": 2 * store.TB, "several": False,
    }  # fmt: skip
    assert found["lines"][0] == "Dismiss"
    with pytest.raises(monitor.CycleUnknown, match="T2_X"):
        monitor.site_datasets(cycles[1], "T2_X")
    with pytest.raises(monitor.CycleUnknown, match="cannot sort"):
        monitor.site_datasets(cycles[1], "T2_A", sort="moon")


def test_a_dataset_is_searched_over_sites(cycles) -> None:
    result = monitor.search(cycles[1], ["/Older/*"])["results"][0]
    assert [(row["site"], row["datasets"][0]["decision"]) for row in result["sites"]] == [
        ("T2_A", "deleted"),
        ("T2_B", "kept"),
    ]
    assert result["total"] == {"protected": 0, "kept": 2 * store.TB, "deleted": 2 * store.TB}
    with pytest.raises(monitor.CycleUnknown, match="at most"):
        monitor.search(cycles[1], ["*"] * 51)


def test_partitions_tell_when_a_cycle_is_late(cycles) -> None:
    now = cycles[2].ended.timestamp()
    row = monitor.partitions(now=now)[0]
    assert (row["name"], row["cycle"], row["monitored"], row["late"]) == ("Physics", cycles[2].pk, True, False)
    assert monitor.partitions(now=now + 19 * 3600)[0]["late"]
    TunedSetting.objects.create(component="detox", name="excluded_partitions", value=["Physics"])
    assert monitor.partitions(now=now) == []


def test_only_cycles_that_ended_are_shown(cycles) -> None:
    Cycle.objects.filter(pk=cycles[2].pk).update(state=CycleState.COMMITTING)
    assert monitor.find_cycle().pk == cycles[1].pk
    with pytest.raises(monitor.CycleUnknown, match="that has ended"):
        monitor.find_cycle(cycles[2].pk)
    assert [row["cycle"] for row in monitor.cycles("Physics")] == [cycles[1].pk]
    assert monitor.cycles("Physics", before=cycles[1].pk) == []


@pytest.mark.parametrize("number", ["x", "-1", "1.5", "99999999999999999999", "²"])
def test_a_number_that_is_none_is_refused(cycles, number: str) -> None:
    with pytest.raises(monitor.CycleUnknown):
        monitor.find_cycle(number)


def test_classic_clients_list_partitions_and_cycles(cycles, client) -> None:
    partition = get(client, "partitions")[0]
    assert (partition["name"], partition["monitored"]) == ("Physics", True)
    assert get(client, "partitions", partition="X*") == []
    found = get(client, "cycles", partition="Physics")
    assert [row["cycle"] for row in found] == [cycles[1].pk, cycles[2].pk]
    assert get(client, "cycles") == found
    assert found[0] == {
        "cycle": cycles[1].pk, "partition_id": partition["id"], "comment": "first",
        "timestamp": int(cycles[1].started.timestamp()),
    }  # fmt: skip
    for newest in ({"latest": "y"}, {"cycle": 0}, {"cycle": cycles[2].pk}):
        assert get(client, "cycles", partition_id=partition["id"], **newest) == found[1:]
    assert get(client, "cycles", cycle=10**9) == []
    assert get(client, "partitions", cycle=cycles[1].pk, partition="Phys*") == [partition]
    assert get(client, "partitions", cycle=10**9) == []
    assert [row["cycle"] for row in get(client, "test/cycles")] == [cycles[0].pk]


def test_classic_summary_has_the_total_first_in_terabytes(cycles, client) -> None:
    found = get(client, "summary", cycle=cycles[1].pk)
    assert (found["operation"], found["cycle"], found["partition"]) == ("deletion", cycles[1].pk, "Physics")
    assert (found["previous_cycle"], found["next_cycle"]) == (0, cycles[2].pk)
    total, first, _ = found["site_data"]
    assert (total["name"], total["delete"], total["quota"]) == ("Total", 8.0, 16.0)
    assert first == {
        "name": "T2_A", "quota": 8.0, "status": 1, "protect": 2.0, "keep": 0.0, "delete": 6.0, "protect_prev": 0.0,
        "keep_prev": 0.0,
    }  # fmt: skip
    assert get(client, "summary")["cycle"] == cycles[2].pk
    assert get(client, "test/summary")["operation"] == "deletion_test"
    assert get(client, "summary", partition_id=found["partition_id"], latest="y")["cycle"] == cycles[2].pk
    phedex = client.get("/phedexdata/detox/summary").json()["phedex"]
    assert (phedex["request_call"], phedex["cycle"]) == ("detox/summary", cycles[2].pk)


def test_classic_details_name_the_deciding_lines(cycles, client) -> None:
    found = get(client, "sitedetail", cycle=cycles[1].pk, site="T2_B")
    decided = {row["name"]: (row["size"], row["decision"], row["condition_id"]) for row in found["content"]["datasets"]}
    assert decided == {"/Older/A/AOD": (2000.0, "keep", 0), "/Wrong/A/AOD": (2000.0, "delete", 3)}
    assert found["conditions"]["3"] == "Delete dataset.status == INVALID"
    assert found["conditions"]["0"] == "No policy match"
    result = get(client, "datasets", cycle=cycles[1].pk, datasets="/Old/*,/None*")["results"]
    assert [row["pattern"] for row in result] == ["/Old/*", "/None*"]
    assert result[0]["site_data"][-1] == {"name": "Total", "protect": 0.0, "keep": 0.0, "delete": 2000.0}
    assert result[1]["site_data"] == [{"name": "Total", "protect": 0.0, "keep": 0.0, "delete": 0.0}]


def test_classic_dump_and_policy_are_texts(cycles, client) -> None:
    dump = client.get("/data/detox/dump", {"cycle": cycles[1].pk})
    assert dump["Content-Disposition"] == f'attachment; filename="deletions_{cycles[1].pk}.txt"'
    assert dump.content.decode().splitlines()[0] == "T2_A\t/New/A/AOD\t2000.000"
    assert len(dump.content.decode().splitlines()) == 4
    policy = client.get("/data/detox/policy", {"cycle": cycles[1].pk})
    assert (policy.content.decode(), policy["Content-Type"]) == (store.POLICY, "text/plain; charset=utf-8")


@pytest.mark.parametrize(("path", "parameters", "status"), [
    ("policy", {}, 400), ("sitedetail", {}, 400), ("sitedetail", {"site": "T2_X"}, 404), ("summary", {"cycle": 10**9}, 404),
    ("summary", {"cycle": "x"}, 400), ("cycles", {"partition_id": 10**9}, 400), ("summary", {"partition": "Moon"}, 400), ("datasets", {}, 400), ("summary", {"moon": 1}, 400),
])  # fmt: skip
def test_classic_mistakes_are_told(cycles, client, path: str, parameters: dict, status: int) -> None:
    assert get(client, path, status, **parameters)


def command(*arguments: str) -> str:
    out = io.StringIO()
    call_command("detox", *arguments, stdout=out)
    return out.getvalue()


def test_commands_run_list_and_show(inventory, settings, tmp_path) -> None:
    store.full_site(inventory)
    settings.POLICY_DIR = tmp_path
    (tmp_path / "Physics.txt").write_text(store.POLICY)
    tried = json.loads(command("run", "Physics", "--test", "--json"))
    assert (tried["test"], tried["total"]["deleted"]) == (True, 8 * store.TB)
    shown = command("run", "Physics.txt", "--author", "alice", "--comment", "by hand")
    assert "stopped at" in shown
    assert "by alice" in shown
    listed = command("cycles")
    assert "by hand" in listed
    assert len(listed.splitlines()) == 1
    assert len(command("cycles", "--test").splitlines()) == 1
    assert json.loads(command("cycles", "--json"))[0]["num_deleted"] == 4
    assert "line 3: Delete dataset.status == INVALID" in command("show", "latest", "--site", "T2_B")
    assert "1 of 1 decisions at T2_A" in command("show", "latest", "--dataset", "/Old/*")
    assert command("show", "latest", "--policy").strip() == store.POLICY.strip()
    assert json.loads(command("show", "latest", "--json"))["sites"][0]["site"] == "T2_A"


def test_commands_tell_mistakes_in_one_line(inventory, settings, tmp_path) -> None:
    settings.POLICY_DIR = tmp_path
    (tmp_path / "bad.txt").write_text("Protct\n")
    (tmp_path / "other.txt").write_text(store.POLICY.replace("Partition Physics", "Partition Moon"))
    for arguments, text in (
        (("run", "bad"), "bad.txt:1:1"), (("run", "none"), "has bad.txt, other.txt"), (("run", "other"), "Moon"),
        (("show", "7"), "no cycle 7"), (("show", "x"), "give a number"),
    ):  # fmt: skip
        with pytest.raises(CommandError, match=text):
            command(*arguments)


def test_a_cycle_is_late_by_the_clock_of_its_end(cycles) -> None:
    Cycle.objects.update(ended=cycles[1].ended - dt.timedelta(hours=40))
    assert monitor.partitions()[0]["late"]
