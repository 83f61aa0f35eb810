"""`manage.py inventory load | export | query`: whole inventories in and out of a real leader over a real database."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.core.management import CommandError, call_command

from inventory.schema import TABLES
from inventory.tables_tsv import read_tables
from registry.locks import locked
from tests.inventory.injecting import dataset, file, replica
from tests.inventory.tables import TABLES as TEXTS
from tests.inventory.tables import archived, write_tables

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis")]


def command(*arguments: Any) -> str:
    out = io.StringIO()
    call_command("inventory", *(str(argument) for argument in arguments), stdout=out)
    return out.getvalue()


def loaded(*arguments: Any) -> list[dict[str, Any]]:
    return json.loads(command("load", *arguments, "--json"))


def refused(*arguments: Any) -> str:
    with pytest.raises(CommandError) as error:
        command("load", *arguments)
    return str(error.value)


def document(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def in_names(snapshot: Any, table: str, *columns: str) -> list[tuple[Any, ...]]:
    return sorted(snapshot.named(table).select(columns).collect().rows())


SITES = {"site": [{"name": "N1"}, {"name": "N2"}], "group": [{"name": "AnalysisOps"}]}
DATA = {"dataset": [dataset("/N", b=[file("/n/1")])], "datasetreplica": [replica("/N", "N1", {"block": "b"})]}


def test_load_tables_and_read_them_back(inventory, tmp_path):
    directory = write_tables(tmp_path / "tables")
    (entry,) = loaded(directory, "--author", "alice")
    snapshot = inventory.snapshot()
    assert entry["version"] == snapshot.version
    assert entry["rows"]["block_replicas"] == 4
    given = read_tables(directory).snapshot()
    columns = ("dataset", "block", "site", "group", "custodial", "size", "num_files", "complete", "last_update")
    assert in_names(snapshot, "block_replicas", *columns) == in_names(given, "block_replicas", *columns)
    assert in_names(snapshot, "dataset_replicas", "dataset", "site", "growing", "group") == in_names(
        given, "dataset_replicas", "dataset", "site", "growing", "group"
    )
    times = ("name", "last_update", "usage_rank", "num_access")
    assert snapshot.frame("datasets").select(times).rows() == given.frame("datasets").select(times).rows()
    assert snapshot.frame("quotas")["quota"].sort().to_list() == given.frame("quotas")["quota"].sort().to_list()


def test_load_archive_with_other_partitions(inventory, tmp_path):
    partitions = tmp_path / "mine.txt"
    partitions.write_text("Everything: site.storage_type in [DISK MSS]\n")
    loaded(archived(write_tables(tmp_path / "tables"), tmp_path / "t.tgz"), "--partitions", partitions)
    assert inventory.snapshot().frame("partitions")["name"].to_list() == ["Everything"]


def test_loading_twice_changes_nothing(inventory, tmp_path):
    directory = write_tables(tmp_path / "tables")
    loaded(directory)
    before = {name: inventory.snapshot().frame(name) for name in TABLES}
    loaded(directory)
    assert all(inventory.snapshot().frame(name).equals(frame) for name, frame in before.items())


def test_locks_of_tables_become_detox_locks(inventory, tmp_path):
    (entry,) = loaded(write_tables(tmp_path / "tables", locks="T1_Disk\t/A/B/RAW\t*\n"), "--author", "alice")
    assert entry["locks"] == 2
    snapshot = inventory.snapshot()
    assert locked(snapshot, snapshot.time).height == 2


def test_load_documents_that_build_on_each_other(inventory, tmp_path):
    first, second = document(tmp_path / "1.json", SITES), document(tmp_path / "2.json", DATA)
    entries = loaded(first, second)
    assert [entry["rows"].get("files", 0) for entry in entries] == [0, 1]
    assert in_names(inventory.snapshot(), "block_replicas", "dataset", "site", "complete") == [("/N", "N1", True)]


def test_nothing_is_loaded_when_one_path_is_wrong(inventory, tmp_path):
    right = document(tmp_path / "1.json", SITES)
    wrong = document(tmp_path / "2.json", {"dataset": [{"name": "/N", "status": "odd"}], "sites": []})
    before = inventory.snapshot().version
    text = refused(right, wrong)
    assert "dataset[0].status: 'odd' is none of" in text
    assert "unknown key 'sites' (did you mean site?)" in text
    assert inventory.snapshot().version == before


def test_check_changes_nothing(inventory, tmp_path):
    (entry,) = loaded(write_tables(tmp_path / "tables"), "--check")
    assert entry["version"] is None
    assert inventory.snapshot().frame("datasets").is_empty()


def test_tell_what_a_document_wants_copied(inventory, tmp_path):
    grown = {
        **SITES,
        **DATA,
        "datasetreplica": [replica("/N", "N1", {"block": "b"}), replica("/N", "N2", {"block": "b"})],
    }
    loaded(document(tmp_path / "1.json", grown))
    text = command("load", document(tmp_path / "2.json", {"dataset": [dataset("/N", b=[file("/n/2", site="N1")])]}))
    assert "1 files, 1 replica_files" in text
    assert "1 files should be copied" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "1.json:1:2: is not JSON: Expecting property name"),
        ("", "1.json:1:1: is not JSON"),
        ("[" * 200_000, "1.json: is nested too deeply"),
        ('{"site": [], "site": []}', "an object has the key 'site' twice"),
        ('{"site": NaN}', "NaN is not JSON"),
        ("[]", "document: has to be an object"),
    ],
)
def test_files_that_are_no_documents(inventory, tmp_path, text, message):
    assert message in refused(document(tmp_path / "1.json", text))


def test_bytes_that_are_no_text(inventory, tmp_path):
    path = tmp_path / "1.json"
    path.write_bytes(b'{"site": "\xff\xfe"}')
    assert "cannot be read" in refused(path)


def test_wrong_tables(inventory, tmp_path):
    broken = write_tables(tmp_path / "tables", blocks=TEXTS["blocks.tsv"].replace("\t500\t", "\tmany\t"))
    assert "blocks.tsv:2: size: 'many'" in refused(broken)
    assert "cannot be read" in refused(tmp_path / "nowhere")
    assert "nothing to load" in refused()
    assert inventory.snapshot().frame("sites").is_empty()


def test_tables_that_contradict_the_inventory(inventory, tmp_path):
    inventory.put(
        partitions=[
            {"name": "Tape", "definition": "[Disk]"},
            {"name": "Disk", "definition": "site.storage_type == DISK"},
        ]
    )
    text = refused(write_tables(tmp_path / "tables", quotas="T1_Disk\tAllDisk\t5\n", sites="\tdisk\n"))
    assert "sites.tsv:1: 2 columns instead of 5" in text


ATTRIBUTES = (
    "dataset,usage_rank,num_access,last_access,demand_rank\n/A/B/RAW,1.5,7,1600000500,0.25\n/Not/Here/X,1,1,1,1\n"
)


def test_load_attributes(inventory, tmp_path):
    loaded(write_tables(tmp_path / "tables"))
    path = document(tmp_path / "attributes.csv", ATTRIBUTES)
    (entry,) = loaded("--attributes", path)
    assert (entry["rows"], entry["unknown_datasets"]) == ({"datasets": 1}, 1)
    row = inventory.snapshot().row("datasets", "/A/B/RAW")
    assert [row[name] for name in ("usage_rank", "num_access", "last_access", "demand_rank")] == [
        1.5,
        7,
        1600000500,
        0.25,
    ]
    assert (row["status"], row["last_update"]) == ("VALID", 1600000000)
    assert inventory.snapshot().row("datasets", "/Not/Here/X") is None


def test_load_attributes_from_parquet(inventory, tmp_path):
    loaded(write_tables(tmp_path / "tables"))
    frame = pl.DataFrame({"dataset": ["/C/D/AOD"], "num_access": pl.Series([9], dtype=pl.Int32)})
    frame.write_parquet(tmp_path / "attributes.parquet")
    loaded("--attributes", tmp_path / "attributes.parquet")
    assert inventory.snapshot().row("datasets", "/C/D/AOD")["num_access"] == 9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("name,num_access\n/A,1\n", "unknown column 'name'"),
        ("num_access\n1\n", "has no column 'dataset'"),
        ("dataset\n/A\n", "has none of the columns usage_rank"),
        ("dataset,num_access\n/A,1\n/A,2\n", ":2: dataset: '/A' is missing or there twice"),
        ("dataset,num_access\n/A,-1\n", ":2: num_access: '-1' is not a whole number"),
        ("dataset,num_access\n/A,1\n/B,x\n", ":3: num_access: 'x' is not a whole number"),
        ("dataset,usage_rank\n/A,nan\n", ":2: usage_rank: 'nan' is not a number"),
        ("dataset,usage_rank\n/A,1,2\n", "cannot be read"),
    ],
)
def test_wrong_attributes(inventory, tmp_path, text, message):
    assert message in refused("--attributes", document(tmp_path / "a.csv", text))


@pytest.mark.parametrize("form", ["parquet", "tsv"])
def test_export_can_be_loaded_again(inventory, tmp_path, form):
    loaded(write_tables(tmp_path / "tables"))
    if form == "parquet":
        both = {**SITES, **DATA, "group": [], "datasetreplica": [replica("/N", "N1", {"block": "b", "files": []})]}
        loaded(document(tmp_path / "1.json", both))
    exported = tmp_path / "out" / "dir"
    counts = json.loads(command("export", exported, "--format", form, "--json"))["rows"]
    before = inventory.snapshot()
    assert counts["block_replicas"] == before.frame("block_replicas").height
    inventory.commit(emptied(before, inventory.leader_token))
    assert inventory.snapshot().frame("blocks").is_empty()
    loaded(exported)
    after = inventory.snapshot()
    for table in ("datasets", "blocks", "dataset_replicas", "block_replicas", "files", "sites", "groups", "partitions"):
        ids = [name for name in TABLES[table].schema if name.endswith("_id")]
        frames = [snapshot.named(table).drop(ids).collect() for snapshot in (before, after)]
        assert sorted(map(str, frames[0].rows())) == sorted(map(str, frames[1].rows())), table
    assert after.frame("quotas")["quota"].sort().equals(before.frame("quotas")["quota"].sort())


def emptied(snapshot: Any, token: int) -> Any:
    from inventory.changes import ChangeSet

    changes = ChangeSet("tester", token)
    for table in ("datasets", "sites", "partitions"):
        changes.delete(table, snapshot.frame(table).select("name"))
    return changes


def test_export_does_not_overwrite(inventory, tmp_path):
    (tmp_path / "mine").write_text("x")
    with pytest.raises(CommandError, match="is not an empty directory"):
        command("export", tmp_path)
    with pytest.raises(CommandError, match="is not an empty directory"):
        command("export", tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_empty_inventory_exports_and_loads(inventory, tmp_path):
    for form in ("parquet", "tsv"):
        command("export", tmp_path / form, "--format", form)
        loaded(tmp_path / form)


def test_damaged_export(inventory, tmp_path):
    command("export", tmp_path / "out")
    (tmp_path / "out" / "blocks.parquet").write_bytes(b"PAR1")
    assert "blocks.parquet: cannot be read" in refused(tmp_path / "out")


def test_query(inventory, tmp_path):
    loaded(write_tables(tmp_path / "tables"))
    sql = "SELECT name, size FROM blocks ORDER BY block_id"
    assert json.loads(command("query", sql, "--json"))[1] == {"name": "b1", "size": 500}
    assert command("query", sql, "--csv").splitlines() == ["name,size", "b0,1000", "b1,500", "b0,70"]
    assert "b1" in command("query", sql)
    assert len(json.loads(command("query", sql, "--json", "--limit", 2))) == 2
    assert json.loads(command("query", "SELECT 'nan'::DOUBLE AS x, [1, 2] AS y", "--json")) == [
        {"x": None, "y": [1, 2]}
    ]
    assert command("query", "SELECT [1, 2] AS y", "--csv").splitlines()[0] == "y"


def test_query_that_cannot_be(inventory):
    with pytest.raises(CommandError, match="DELETE is not allowed"):
        command("query", "DELETE FROM sites")
    with pytest.raises(CommandError, match="nowhere"):
        command("query", "SELECT * FROM nowhere")


@pytest.mark.parametrize(("form", "read"), [("parquet", pl.read_parquet), ("arrow", pl.read_ipc)])
def test_answers_as_files(inventory, tmp_path, form, read):
    loaded(write_tables(tmp_path / "tables"))
    file = tmp_path / f"answer.{form}"
    sql = "SELECT name, site_id FROM sites ORDER BY name"
    assert command("query", sql, f"--{form}", file) == f"3 rows in {file}\n"
    assert read(file).equals(inventory.snapshot().frame("sites").select("name", "site_id").sort("name"))
    with pytest.raises(CommandError, match="exists; choose another name"):
        command("query", sql, f"--{form}", file)
    with pytest.raises(CommandError, match=r"nowhere.* cannot be written"):
        command("query", sql, f"--{form}", "/proc/nowhere/x")
    with pytest.raises(CommandError, match="a number above 0"):
        command("query", sql, "--seconds", "0")
