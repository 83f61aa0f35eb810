"""What change sets mean, rule by rule."""

from __future__ import annotations

import polars as pl
import pytest

from inventory.changes import ChangeSet
from inventory.database import LEAST_PACKET
from inventory.errors import ChangeRefused
from inventory.partitions import definitions, simple_parts
from inventory.resolve import applied, resolve
from inventory.schema import TABLES
from inventory.snapshot import Snapshot
from tests.inventory.makers import D, change, file, small

B1 = {"dataset": D, "block": "b1"}
B2 = {"dataset": D, "block": "b2"}
AT_A = B1 | {"site": "T2_A"}
AT_B = B1 | {"site": "T2_B"}
TO_B = {"dataset_replicas": [{"dataset": D, "site": "T2_B"}]}


@pytest.fixture
def start():
    return applied(Snapshot.from_frames({}), small(), 100)


def replica(snapshot, site="T2_A", block="b1"):
    rows = snapshot.named("block_replicas").filter(site=site, block=block).collect()
    return rows.row(0, named=True) if rows.height else None


def present(snapshot, site="T2_A"):
    return sorted(snapshot.named("replica_files").filter(site=site).collect()["lfn"].str.tail(1).to_list())


def block(snapshot, name="b1"):
    return snapshot.frame("blocks").row(by_predicate=pl.col("name") == name, named=True)


def key(number):
    return B1 | {"lfn": file(number)["lfn"]}


def problems(snapshot, puts=None, deletes=None):
    with pytest.raises(ChangeRefused) as caught:
        change(snapshot, puts, deletes)
    return " | ".join(str(problem) for problem in caught.value.problems)


def test_sizes_are_sums_of_files_and_counted_blocks_keep_what_they_were_given(start):
    assert (block(start)["size"], block(start)["num_files"]) == (33, 3)
    assert (block(start, "b2")["size"], block(start, "b2")["num_files"]) == (100, 2)
    after = change(start, {"files": [file(0, size=1000), file(9)]})
    assert (block(after)["size"], block(after)["num_files"]) == (1000 + 11 + 12 + 19, 4)
    after = change(
        start, {"blocks": [{"dataset": D, "name": "b1", "size": 7}, {"dataset": D, "name": "b2", "size": 200}]}
    )
    assert (block(after)["size"], block(after, "b2")["size"]) == (33, 200)
    emptied = change(start, deletes={"files": [key(n) for n in range(3)]})
    assert (block(emptied)["size"], block(emptied)["num_files"]) == (0, 0)


def test_times_follow_changes_of_content_only(start):
    dataset = lambda snapshot: snapshot.row("datasets", D)["last_update"]  # noqa: E731
    assert (dataset(start), block(start)["last_update"], replica(start)["last_update"]) == (100, 100, 100)
    after = change(start, {"datasets": [{"name": D, "status": "VALID"}], "files": [file(0)]})
    assert (dataset(after), block(after)["last_update"], replica(after)["last_update"]) == (100, 100, 100)
    after = change(start, {"files": [file(7)]})
    assert (dataset(after), block(after)["last_update"], block(after, "b2")["last_update"]) == (200, 200, 100)
    assert replica(after)["last_update"] == 200 and replica(after)["complete"] is False
    after = change(start, {"files": [file(7)], "datasets": [{"name": D, "last_update": 5}],
                           "blocks": [{"dataset": D, "name": "b1", "last_update": 6}]})  # fmt: skip
    assert (dataset(after), block(after)["last_update"]) == (5, 6)
    after = change(start, {"block_replicas": [AT_A | {"custodial": True}]})
    assert replica(after)["last_update"] == 200
    after = change(start, {"block_replicas": [AT_A | {"custodial": True, "last_update": 3}]})
    assert replica(after)["last_update"] == 3


def test_null_and_absent_columns_keep_values_and_new_rows_get_defaults(start):
    sites = [{"name": "T2_A", "backend": "root://a/"}, {"name": "T2_C", "backend": None}]
    after = change(change(start, {"sites": [{"name": "T2_A", "host": "h"}]}), {"sites": sites})
    a, c = after.row("sites", "T2_A"), after.row("sites", "T2_C")
    assert (a["host"], a["backend"], a["status"]) == ("h", "root://a/", "READY")
    assert (c["host"], c["backend"], c["storage_type"], c["status"]) == ("", "", "DISK", "READY")


def test_a_complete_replica_that_loses_a_file_has_rows_for_the_others_until_it_is_back(start):
    lost = change(start, deletes={"replica_files": [AT_A | {"lfn": file(1)["lfn"]}]})
    assert (replica(lost)["complete"], replica(lost)["size"], replica(lost)["num_files"]) == (False, 22, 2)
    assert present(lost) == ["0", "2"]
    back = change(lost, {"replica_files": [AT_A | {"lfn": file(1)["lfn"]}]}, now=300)
    assert (replica(back)["complete"], replica(back)["size"], replica(back)["last_update"]) == (True, 33, 300)
    assert present(back) == []


def test_a_new_file_of_a_block_makes_its_complete_replicas_incomplete(start):
    after = change(start, {"files": [file(7)]})
    assert (replica(after)["complete"], replica(after)["size"], present(after)) == (False, 33, ["0", "1", "2"])
    there = change(start, {"files": [file(7)], "replica_files": [AT_A | {"lfn": file(7)["lfn"]}]})
    assert (replica(there)["complete"], replica(there)["size"], present(there)) == (True, 50, [])
    whole = change(start, {"files": [file(7)], "block_replicas": [AT_A | {"complete": True}]})
    assert replica(whole)["complete"] is True and present(whole) == []


def test_a_file_that_is_deleted_is_gone_everywhere(start):
    partial = change(start, TO_B | {"block_replicas": [AT_B | {"complete": False}],
                                    "replica_files": [AT_B | {"lfn": file(n)["lfn"]} for n in (0, 1)]})  # fmt: skip
    assert (replica(partial, "T2_B")["size"], present(partial, "T2_B")) == (21, ["0", "1"])
    after = change(partial, deletes={"files": [key(2)]})
    assert (replica(after, "T2_B")["complete"], present(after, "T2_B")) == (True, [])
    assert (replica(after)["complete"], replica(after)["size"]) == (True, 21)


def test_a_file_that_changes_its_size_changes_replicas_that_have_it(start):
    after = change(start, {"files": [file(0, size=100)]})
    assert (replica(after)["complete"], replica(after)["size"], block(after)["size"]) == (True, 123, 123)


def test_an_incomplete_replica_begins_with_nothing_and_grows(start):
    begun = change(
        start, TO_B | {"block_replicas": [AT_B | {"complete": False}, AT_B | {"block": "b2", "complete": False}]}
    )
    assert (replica(begun, "T2_B")["size"], replica(begun, "T2_B")["complete"]) == (0, False)
    assert (replica(begun, "T2_B", "b2")["size"], replica(begun, "T2_B", "b2")["complete"]) == (0, False)
    grown = change(begun, {"replica_files": [AT_B | {"lfn": file(0)["lfn"]}]})
    assert (replica(grown, "T2_B")["size"], present(grown, "T2_B")) == (10, ["0"])
    again = change(grown, {"block_replicas": [AT_B | {"complete": False, "group": "physics"}]})
    assert present(again, "T2_B") == ["0"]
    partly = change(begun, {"block_replicas": [B2 | {"site": "T2_B", "size": 60, "num_files": 1}]})
    assert (replica(partly, "T2_B", "b2")["size"], replica(partly, "T2_B", "b2")["complete"]) == (60, False)
    full = change(partly, {"block_replicas": [B2 | {"site": "T2_B", "size": 100, "num_files": 2}]})
    assert replica(full, "T2_B", "b2")["complete"] is True


def test_a_complete_replica_said_to_be_incomplete_holds_nothing_or_what_is_listed(start):
    nothing = change(start, {"block_replicas": [AT_A | {"complete": False}]})
    assert (replica(nothing)["size"], present(nothing)) == (0, [])
    listed = {"block_replicas": [AT_A | {"complete": False}], "replica_files": [AT_A | {"lfn": file(2)["lfn"]}]}
    assert present(change(start, listed)) == ["2"]


def test_a_replica_of_an_empty_block_stays_incomplete_when_files_come(start):
    empty = change(start, TO_B | {"blocks": [{"dataset": D, "name": "b3"}],
                                  "block_replicas": [B1 | {"block": "b3", "site": "T2_B", "complete": False}]})  # fmt: skip
    assert replica(empty, "T2_B", "b3")["complete"] is False
    after = change(empty, {"files": [file(0, "b3")]})
    assert (replica(after, "T2_B", "b3")["complete"], replica(after, "T2_B", "b3")["size"]) == (False, 0)


def test_a_counted_block_whose_files_become_known_keeps_its_complete_replicas(start):
    known = change(start, {"files": [file(n, "b2") for n in range(2)]})
    assert (block(known, "b2")["size"], replica(known, block="b2")["complete"]) == (21, True)
    more = change(start, {"files": [file(n, "b2") for n in range(3)]})
    assert replica(more, block="b2")["complete"] is False


def test_counted_blocks_that_grow_or_shrink(start):
    grown = change(start, {"blocks": [{"dataset": D, "name": "b2", "size": 150, "num_files": 3}]})
    assert (replica(grown, block="b2")["size"], replica(grown, block="b2")["complete"]) == (100, False)
    shrunk = change(start, {"blocks": [{"dataset": D, "name": "b2", "size": 50, "num_files": 1}]})
    assert (replica(shrunk, block="b2")["size"], replica(shrunk, block="b2")["complete"]) == (50, True)


def test_groups_default_to_the_dataset_replicas_and_then_stay(start):
    assert start.named("block_replicas").collect()["group"].to_list() == ["physics", "physics"]
    after = change(start, {"block_replicas": [AT_A | {"group": "None"}]})
    assert sorted(after.named("block_replicas").collect()["group"]) == ["None", "physics"]
    after = change(after, {"dataset_replicas": [{"dataset": D, "site": "T2_A", "growing": True}]})
    assert after.named("dataset_replicas").collect().row(0, named=True)["group"] == "physics"


def test_what_depends_on_deleted_rows_goes_too(start):
    start = change(start, TO_B | {"block_replicas": [AT_B | {"complete": False}],
                                  "replica_files": [AT_B | {"lfn": file(0)["lfn"]}],
                                  "partitions": [{"name": "P", "definition": "dataset.name == *"}],
                                  "quotas": [{"site": "T2_B", "partition": "P", "quota": 5}]})  # fmt: skip
    tables = ("datasets", "blocks", "files", "dataset_replicas", "block_replicas", "replica_files", "quotas")
    heights = lambda snapshot: [snapshot.frame(table).height for table in tables]  # noqa: E731
    assert heights(start) == [1, 2, 3, 2, 3, 1, 1]
    expected = {
        "datasets": ({"name": D}, [0, 0, 0, 0, 0, 0, 1]), "sites": ({"name": "T2_B"}, [1, 2, 3, 1, 2, 0, 0]),
        "blocks": ({"dataset": D, "name": "b1"}, [1, 1, 0, 2, 1, 0, 1]), "partitions": ({"name": "P"}, [1, 2, 3, 2, 3, 1, 0]),
        "dataset_replicas": ({"dataset": D, "site": "T2_B"}, [1, 2, 3, 1, 2, 0, 1]),
        "block_replicas": (AT_B, [1, 2, 3, 2, 2, 0, 1]),
    }  # fmt: skip
    for table, (row, left) in expected.items():
        assert heights(change(start, deletes={table: [row]})) == left, table


def test_deleting_what_is_not_there_is_passed_over(start):
    deletes = {"datasets": [{"name": "/no"}], "files": [key(99)], "block_replicas": [AT_B], "sites": [{"name": "T9"}]}
    changes = ChangeSet("a", 1)
    for table, rows in deletes.items():
        changes.delete(table, rows)
    assert resolve(start, changes, 200).tables() == []


def test_a_row_deleted_and_put_in_one_set_is_new(start):
    after = change(start, {"datasets": [{"name": D}]}, {"datasets": [{"name": D}]})
    assert after.row("datasets", D)["dataset_id"] == 2 and after.frame("blocks").is_empty()


def test_the_same_row_twice_is_one_and_contradictions_are_refused(start):
    twice = [{"name": "T2_C", "host": "h"}, {"name": "T2_C", "status": "MORGUE"}]
    assert change(start, {"sites": twice}).row("sites", "T2_C")["status"] == "MORGUE"
    assert "different host" in problems(
        start, {"sites": [{"name": "T2_C", "host": "h"}, {"name": "T2_C", "host": "i"}]}
    )


def test_all_mistakes_are_told_at_once(start):
    told = problems(start, {
        "block_replicas": [AT_B, B1 | {"site": "T2_X"}, AT_A | {"block": "b9"}, AT_A | {"group": "fysics"}],
        "files": [file(0, "b2", lfn=file(0)["lfn"]), file(1, lfn="store/x"), file(2, lfn="/a/../b"), file(3, size=None, lfn="/n")],
        "quotas": [{"site": "T2_A", "partition": "P", "quota": 1}], "datasets": [{"name": " x"}, {"name": "a#b"}],
    })  # fmt: skip
    for expected in ("no site 'T2_X' (did you mean T2_", "no block 'b9' of '/a/b/RAW'", "no group 'fysics' (did you mean physics?)",
                     "no replica of the dataset at the site", "exists in another block", "begins with '/'", "'.' or '..'",
                     "'size' has to be given", "no partition 'P'", "blank", "'#'"):  # fmt: skip
        assert expected in told, expected


@pytest.mark.parametrize(("lfn", "what"), [
    ("", "begins with"), ("/", "empty part"), ("/a//b", "empty part"), ("/a/", "empty part"), ("/a/./b", "'.' or '..'"),
    ("/..", "'.' or '..'"), ("/a\0b", "control"), ("/a\nb", "control"), ("/" + "x" * 1024, "longer"), ("root://a/b", "begins with"),
])  # fmt: skip
def test_lfns_are_absolute_and_plain(start, lfn, what):
    assert what in problems(start, {"files": [file(0, lfn=lfn)]})


@pytest.mark.parametrize("lfn", ["/a", "/a/..b", "/a/b..", "/ä/ö", "/a b/c", "/" + "x" * 1023])
def test_odd_but_plain_lfns_are_taken(start, lfn):
    after = change(start, {"files": [file(0, lfn=lfn)]})
    assert lfn in after.named("files").collect()["lfn"].to_list()


def test_what_an_inventory_cannot_be_is_refused(start):
    partitions = [{"name": "P", "definition": "dataset.name == *"}, {"name": "U", "definition": "[P]"}]
    start = change(start, {"partitions": partitions})
    cases = {
        "more than its block's": {"block_replicas": [B2 | {"site": "T2_A", "size": 101}]},
        "quotas belong to its members": {"quotas": [{"site": "T2_A", "partition": "U", "quota": 1}]},
        "cannot contain itself": {"partitions": [{"name": "P", "definition": "[U]"}]},
        "no partition 'Z'": {"partitions": [{"name": "V", "definition": "[P, Z]"}]},
        "1:1": {"partitions": [{"name": "V", "definition": "dataset.nam == x"}]},
        "no regular expression": {"path_rules": [{"site": "T2_A", "protocol": "p", "position": 0, "lfn_pattern": "(", "pfn_template": "x"}]},
        "given for two blocks": {"files": [file(0, lfn="/two"), file(0, "b2", lfn="/two")]},
        "is not within": {"files": [file(5, size=-1)]},
        "finite": {"datasets": [{"name": D, "demand_rank": float("nan")}]},
        "no replica of the block": {"replica_files": [AT_B | {"lfn": file(0)["lfn"]}]},
        f"no file '{file(8)['lfn']}'": {"replica_files": [AT_A | {"lfn": file(8)["lfn"]}]},
    }  # fmt: skip
    for what, puts in cases.items():
        assert what in problems(start, puts), what
    assert "still owns 1 dataset replicas" in problems(start, deletes={"groups": [{"name": "physics"}]})
    assert "cannot be deleted" in problems(start, deletes={"groups": [{"name": "None"}]})
    assert "no partition 'P'" in problems(start, deletes={"partitions": [{"name": "P"}]})


def test_a_group_goes_when_nothing_is_its_own_any_more(start):
    changes = ({"dataset_replicas": [{"dataset": D, "site": "T2_A", "group": "None"}],
                "block_replicas": [AT_A | {"group": "None"}, B2 | {"site": "T2_A", "group": "None"}]},)  # fmt: skip
    assert change(start, *changes, {"groups": [{"name": "physics"}]}).frame("groups")["name"].to_list() == ["None"]


def test_a_snapshot_is_not_changed_by_what_is_made_of_it(start):
    before = {name: start.frame(name).clone() for name in TABLES}
    change(start, {"files": [file(7)]}, {"sites": [{"name": "T2_A"}]})
    assert all(start.frame(name).equals(before[name]) for name in TABLES)


@pytest.mark.parametrize(("given", "told"), [
    ({"A": "[A]"}, "A → A"), ({"A": "[B]", "B": "[C]", "C": "[A]"}, "A → B → C → A"), ({"A": "[B]"}, "no partition 'B'"),
    ({"A": "[]"}, "a union of nothing"), ({"A": "[B,, C]", "B": "site.name == b", "C": "site.name == c"}, "a comma too many"),
    ({"A, B": "site.name == a"}, "is no name of a partition"), ({" A": "site.name == a"}, "is no name of a partition"),
    ({"A\nB": "site.name == a"}, "is no name of a partition"), ({"A: B": "site.name == a"}, "is no name of a partition"),
    ({"A": "site.name == a\nsite.name == b"}, "a condition is one line"), ({"A": "\0"}, "out of place"),
])  # fmt: skip
def test_partitions_of_no_use_are_refused_with_the_reason(given: dict[str, str], told: str) -> None:
    changes = ChangeSet("test", 1).put(
        "partitions", [{"name": name, "definition": text} for name, text in given.items()]
    )
    with pytest.raises(ChangeRefused) as error:
        applied(Snapshot.from_frames({}), changes, 1_700_000_000)
    assert told in str(error.value)


def test_unions_of_unions_and_names_with_blanks_are_fine() -> None:
    rows = {"IB RelVal": "site.name == a", "B": "site.name == b", "Both": "[IB RelVal, B]", "All": "[Both, B]"}
    changes = ChangeSet("test", 1).put(
        "partitions", [{"name": name, "definition": text} for name, text in rows.items()]
    )
    snapshot = applied(Snapshot.from_frames({}), changes, 1_700_000_000)
    assert simple_parts(definitions(snapshot), "All") == ("IB RelVal", "B")


@pytest.mark.parametrize(("table", "row", "column"), [
    ("sites", {"name": "T2_Z"}, "host"), ("sites", {"name": "T2_Z"}, "backend"),
    ("datasets", {"name": "/Z/z/RAW"}, "data_type"), ("datasets", {"name": "/Z/z/RAW"}, "software_version"),
    ("path_rules", {"site": "T2_A", "protocol": "root", "position": 1, "lfn_pattern": "(.*)", "pfn_template": "x"}, "chain"),
    ("path_rules", {"site": "T2_A", "position": 1, "lfn_pattern": "(.*)", "pfn_template": "x"}, "protocol"),
    ("path_rules", {"site": "T2_A", "protocol": "root", "position": 1, "pfn_template": "x"}, "lfn_pattern"),
    ("path_rules", {"site": "T2_A", "protocol": "root", "position": 1, "lfn_pattern": "(.*)"}, "pfn_template"),
    ("partitions", {"name": "Z"}, "definition"),
])  # fmt: skip
def test_texts_that_the_database_cannot_take_are_refused_with_their_length(start, table, row, column):
    longest = TABLES[table].longest[column]
    text = "site.name == ".ljust(longest, "a")
    change(start, {table: [row | {column: text}]})
    with pytest.raises(ChangeRefused) as error:
        change(start, {table: [row | {column: text + "a"}]})
    assert f"{column} has {longest + 1} characters, {longest} are allowed" in str(error.value)
    assert len(str(error.value)) < 2000


def test_every_text_has_a_length_that_one_statement_takes():
    lfn = {("files", "directory"), ("files", "base_name")}
    texts = {(name, column.name): column.longest for name, table in TABLES.items() for column in table.columns
             if column.dtype == pl.String}  # fmt: skip
    assert {place for place, longest in texts.items() if not longest} == lfn
    # Four bytes a character, each escaped.
    assert all(sum(table.longest.values()) * 8 < LEAST_PACKET for table in TABLES.values())
