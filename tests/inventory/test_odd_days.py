"""Odd inventories through everything an operator runs: nothing at all, quotas of 0 and below, sites without replicas, datasets
without blocks, blocks without bytes. No traceback, no number that JSON does not have, and answers that make sense.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from dealer.models import Cycle as DealerCycle
from detox.models import Cycle
from inventory import checkpoint, client
from inventory.changes import ChangeSet
from inventory.history import follower
from inventory.history.past import directory
from inventory.policy.variables import VARIABLES
from inventory.schema import TABLES
from inventory.snapshot import Snapshot
from tests.dealer.conftest import ask  # noqa: F401 - fixture
from tests.detox.store import let_all_pass

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis", "places")]

TB = 10**12
PARTITION = "Physics"
SITES = ("T2_Zero", "T2_Free", "T2_Unlisted", "T2_Bare")
POLICY = f"""\
Partition {PARTITION}
On site.name == *
When site.occupancy > 0.9
Until site.occupancy < 0.5
{{lines}}
Dismiss
Order increasing dataset.last_update
"""
WATCH = POLICY.format(lines="Protect dataset.size == 0\nDelete dataset.status == INVALID")


def odd() -> ChangeSet:
    """Quotas 0, negative and not given; T2_Bare has no replicas, /None/x/RAW no blocks, /Shell/x/RAW a replica without blocks,
    /Empty/x/RAW a block of nothing.
    """
    quotas = {"T2_Zero": 0, "T2_Free": -1, "T2_Bare": 0}
    full = [{"dataset": "/Full/x/RAW", "site": site} for site in SITES[:3]]
    empty = [{"dataset": "/Empty/x/RAW", "site": site} for site in SITES[:3]]
    shell = [{"dataset": "/Shell/x/RAW", "site": "T2_Zero"}]
    return (
        ChangeSet("tester", 1)
        .put("sites", [{"name": name, "backend": f"file:///nowhere/{name}"} for name in SITES])
        .put("groups", [{"name": "ops"}])
        .put("partitions", [{"name": PARTITION, "definition": "dataset.name == *"}, {"name": "Few", "definition": "dataset.name == /no"}])
        .put("quotas", [{"site": site, "partition": PARTITION, "quota": quota} for site, quota in quotas.items()])
        .put("datasets", [{"name": f"/{name}/x/RAW", "last_update": 0} for name in ("None", "Shell", "Empty", "Full")])
        .put("blocks", [{"dataset": "/Empty/x/RAW", "name": "b"}, {"dataset": "/Full/x/RAW", "name": "b", "size": TB, "num_files": 2}])
        .put("dataset_replicas", full + empty + shell)
        .put("block_replicas", [row | {"block": "b"} for row in full + empty])
    )  # fmt: skip


@pytest.fixture
def places(settings: Any, tmp_path: Path) -> Path:
    """Directories of the test's own, with the policy in that of policies."""
    settings.HISTORY_DIR, settings.POLICY_DIR = tmp_path / "cycles", tmp_path / "policies"
    settings.INVENTORY_HISTORY_DIR, settings.INVENTORY_CHECKPOINT_DIR = tmp_path / "history", tmp_path / "checkpoint"
    settings.DETOX_ENFORCER_PROTECTED = ""
    settings.POLICY_DIR.mkdir()
    (settings.POLICY_DIR / "Odd.txt").write_text(WATCH)
    return tmp_path


@pytest.fixture(params=["nothing", "only a partition", "odd"])
def filled(request: pytest.FixtureRequest, inventory: Any) -> str:
    """Which of the inventories there is."""
    if request.param == "odd":
        inventory.commit(odd())
    if request.param == "only a partition":
        inventory.put(partitions=[{"name": PARTITION, "definition": "dataset.name == *"}])
    return request.param


def parsed(text: str) -> Any:
    """JSON as everybody reads it: NaN and Infinity are none."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} in {text[:2000]}")

    return json.loads(text, parse_constant=refuse)


def told(name: str, *arguments: Any) -> str:
    out = io.StringIO()
    call_command(name, *map(str, arguments), stdout=out)
    return out.getvalue()


def refused(name: str, *arguments: Any) -> str:
    with pytest.raises(CommandError) as error:
        told(name, *arguments)
    return str(error.value)


def asked(address: str, status: int = 200, **parameters: Any) -> Any:
    answer = Client().get(address, parameters)
    assert answer.status_code == status, (address, answer.content[:500])
    return parsed(answer.content.decode()) if "json" in answer.headers["Content-Type"] else answer.content.decode()


def in_names(snapshot: Snapshot, table: str) -> pl.DataFrame:
    own = {
        "groups": "group_id",
        "sites": "site_id",
        "partitions": "partition_id",
        "datasets": "dataset_id",
        "blocks": "block_id",
    }
    frame = snapshot.named(table).collect()
    columns = [name for name in frame.columns if not name.endswith("_id") and name != own.get(table)]
    return frame.select(columns).sort(columns)


def test_export_and_load_bring_the_same_back(filled: str, inventory: Any, tmp_path: Path) -> None:
    before = inventory.snapshot()
    told("inventory", "export", tmp_path / "out")
    parsed(told("inventory", "load", tmp_path / "out", "--json"))
    assert all(inventory.snapshot().frame(table).equals(before.frame(table)) for table in TABLES)
    for table, key in (("sites", "name"), ("partitions", "name"), ("datasets", "name"), ("groups", "name")):
        rows = [{key: name} for name in before.frame(table)[key] if name != "None"]
        if rows:
            client.commit(ChangeSet("tester", 10**6).delete(table, rows))
    parsed(told("inventory", "load", tmp_path / "out", "--json"))
    for table in TABLES:
        assert in_names(inventory.snapshot(), table).equals(in_names(before, table)), table


def test_tables_as_text_are_written_and_read(filled: str, inventory: Any, tmp_path: Path) -> None:
    before = inventory.snapshot()
    told("inventory", "export", tmp_path / "out", "--format", "tsv")
    parsed(told("inventory", "load", tmp_path / "out", "--json"))
    assert in_names(inventory.snapshot(), "quotas").equals(in_names(before, "quotas"))
    assert inventory.snapshot().frame("datasets").height == before.frame("datasets").height


@pytest.mark.parametrize(
    "document", ["{}", '{"dataset": []}', '{"site": [], "group": [], "dataset": [], "datasetreplica": []}']
)
def test_a_document_of_nothing_is_loaded_as_nothing(inventory: Any, tmp_path: Path, document: str) -> None:
    (tmp_path / "one.json").write_text(document)
    parsed(told("inventory", "load", tmp_path / "one.json", "--json"))
    assert inventory.snapshot().version == 0


def test_a_document_with_a_dataset_without_blocks(inventory: Any, tmp_path: Path) -> None:
    inventory.put(sites=[{"name": "T2_A"}])
    (tmp_path / "one.json").write_text(json.dumps(
        {"dataset": [{"name": "/N/x/RAW", "blocks": []}], "datasetreplica": [{"dataset": "/N/x/RAW", "site": "T2_A", "blockreplicas": []}]}
    ))  # fmt: skip
    parsed(told("inventory", "load", tmp_path / "one.json", "--json"))
    assert inventory.snapshot().frame("datasets").height == inventory.snapshot().frame("dataset_replicas").height == 1


def test_questions_statistics_history_and_followers(filled: str, inventory: Any, places: Path) -> None:
    inventory.follow()
    checkpoint.Checkpoints(places / "checkpoint").write(inventory.leader.image)
    follower.Historian(directory()).follow(inventory.leader.image.version)
    verdict = parsed(told("inventory", "verify", "--json"))
    assert verdict["differences"] == []
    parsed(told("inventory", "history", "--json"))
    parsed(told("inventory", "partitions", "--json"))
    parsed(told("inventory", "quota", "--json"))
    parsed(told("inventory", "status", "--json"))
    for table in TABLES:
        (row,) = parsed(told("inventory", "query", f"SELECT count(*) AS n FROM {table}", "--json"))  # noqa: S608 - names of the schema
        assert row["n"] == inventory.snapshot().frame(table).height
    parsed(
        told("inventory", "query", "SELECT sum(size) / count(*) AS mean, 0.0 / 0 AS nan FROM block_replicas", "--json")
    )
    told("inventory", "query", "SELECT sum(size) / count(*) AS mean FROM block_replicas")


def test_pages_and_classic_answers(filled: str) -> None:
    for page in (
        "/",
        "/statistics/",
        "/detox/",
        "/dealer/",
        "/dealer/rules/",
        "/files/",
        "/activity/",
        "/consistency/",
        "/detox/lines/",
        "/detox/compare/",
    ):
        asked(page)
        asked(page, format="json")
    for kind in ("size", "replication", "usage"):
        for by in (
            "data_type",
            "dataset_status",
            "dataset",
            "site",
            "site_status",
            "group",
            "dataset_software_version",
        ):
            answer = asked(f"/data/inventory/stats/{kind}", list_by=by)
            assert answer["result"] == "OK"
            asked("/statistics/", statistic=kind, list_by=by, format="json")
            asked("/statistics/", statistic=kind, list_by=by)
    for name, parameters in (
        ("datasets", {"dataset": "/*"}), ("groups", {}), ("sites", {}), ("sites", {"partition": PARTITION}),
        ("blockreplicas", {"dataset": "/None/x/RAW"}), ("blockreplicas", {"dataset": "/*", "node": "T2_Bare"}),
        ("blockreplicas", {"dataset": "/Empty/x/RAW"}),
    ):  # fmt: skip
        asked(f"/data/inventory/{name}", **parameters)
    for name in ("partitions", "cycles"):
        assert asked(f"/data/detox/{name}")["data"] == []


def test_policies_are_checked(filled: str, places: Path) -> None:
    told("policy", "check", places / "policies" / "Odd.txt")


def test_detox(filled: str, inventory: Any, places: Path) -> None:
    let_all_pass()
    if filled == "nothing":
        assert f"no partition {PARTITION!r}" in refused("detox", "run", "Odd", "--test")
        return
    for how in (["--test"], []):
        cycle = parsed(told("detox", "run", "Odd", "--json", *how))
        told("detox", "show", cycle["cycle"])
    if filled == "odd":
        sites = {row["site"]: row for row in cycle["sites"]}
        assert {name: row["deleted"] for name, row in sites.items()} == {
            "T2_Zero": TB,
            "T2_Free": 0,
            "T2_Unlisted": TB,
            "T2_Bare": 0,
        }
        assert sites["T2_Bare"]["occupancy"] is None and "nothing of the partition here" in sites["T2_Bare"]["reason"]
    found = refused("detox", "compare", PARTITION, "--quota", "T2_Nowhere=0", "--json")
    assert "T2_Nowhere" in found
    for number in Cycle.objects.values_list("pk", flat=True):
        asked(f"/detox/{number}/")
        asked(f"/detox/{number}/", format="json")
    for name in ("partitions", "cycles", "summary", "dump"):
        asked(f"/data/detox/{name}")
    if filled == "odd":
        _every_site_is_told(cycle["cycle"])
        for quota in ("0", "none"):
            parsed(told("detox", "compare", PARTITION, "--quota", f"T2_*={quota}", "--json"))
        assert "from 0 up" in refused("detox", "compare", PARTITION, "--quota", "T2_*=-1")


def _every_site_is_told(cycle: int) -> None:
    for site in SITES:
        asked(f"/detox/{cycle}/site/{site}/")
        asked("/data/detox/sitedetail", site=site)
    for site in SITES[:3]:
        for dataset in ("/Full/x/RAW", "/Empty/x/RAW"):
            parsed(told("detox", "explain", cycle, site, dataset, "--json"))
            told("detox", "explain", cycle, site, dataset)
            asked(f"/detox/{cycle}/why/", site=site, dataset=dataset)


def test_every_variable_can_be_asked_of_odd_replicas(inventory: Any, places: Path) -> None:
    inventory.commit(odd())
    compared = {
        "text": "{} == a*",
        "bool": "{}",
        "number": "{} < 0",
        "bytes": "{} < 0",
        "seconds": "{} < 0",
        "time": "{} newer_than 1 day ago",
    }
    lines, order = [], []
    for variable in [variable for variable in VARIABLES.values() if variable.level != "site"]:
        asked_as = f"{{}} == {variable.values[-1]}" if variable.type == "enum" else compared[variable.type]
        lines.append(f"{'ProtectBlock' if variable.level == 'block' else 'Protect'} {asked_as.format(variable.name)}")
        if variable.numeric and variable.level in ("dataset", "replica"):
            order.append(f"increasing {variable.name}")
    text = POLICY.format(lines="\n".join(lines)).replace("increasing dataset.last_update", " ".join(order))
    (places / "policies" / "Every.txt").write_text(text)
    told("policy", "check", str(places / "policies" / "Every.txt"))
    cycle = parsed(told("detox", "run", "Every", "--test", "--json"))
    assert cycle["total"]["protected"] + cycle["total"]["kept"] + cycle["total"]["deleted"] == 3 * TB
    for site in SITES[:3]:
        parsed(told("detox", "explain", cycle["cycle"], site, "/Empty/x/RAW", "--json"))


def test_dealer(filled: str, places: Path, ask: Any) -> None:  # noqa: F811 - fixture
    if filled == "nothing":
        assert PARTITION in refused("dealer", "run", PARTITION, "--test")
        return
    ask(["/None/x/RAW", "/Shell/x/RAW", "/Empty/x/RAW", "/Full/x/RAW"], list(SITES), group="ops")
    none = ask(["/None/x/RAW"], ["T2_Bare"], group="ops")
    empty = ask(["/Empty/x/RAW"], ["T2_Bare"], group="ops")
    for how in (["--test"], []):
        cycle = parsed(told("dealer", "run", PARTITION, "--json", *how))
    reasons = {row["number"]: row["reason"] for row in cycle["answers"]}
    if filled == "odd":
        assert all("no quota for the partition" in reasons[request.pk] for request in (none, empty))
        verdicts = {row["site"]: row["verdict"] for row in cycle["sites"]}
        assert "no quota" in verdicts["T2_Zero"] and "no quota" in verdicts["T2_Unlisted"]
        told("dealer", "explain", "latest", "/Full/x/RAW")
    for number in DealerCycle.objects.values_list("pk", flat=True):
        asked(f"/dealer/{number}/")
        asked(f"/dealer/{number}/", format="json")


def test_consistency(inventory: Any, places: Path) -> None:
    inventory.commit(odd())
    assert "no directory could be listed" in refused("consistency", "run", "T2_Bare", "--dry-run")
