"""What injection documents make of an inventory."""

from __future__ import annotations

import time

import pytest

from inventory.injection import plan
from tests.inventory.injecting import (
    EMPTY,
    NOW,
    base,
    copies,
    dataset,
    file,
    growing,
    held,
    inject,
    invalidate,
    lfns,
    names,
    refusals,
    replica,
    replicas,
)


def test_everything_from_nothing():
    document = {
        "site": [{"name": "A", "host": "a.org", "storage_type": "mss", "backend": "root://a//x", "status": "waitroom"}],
        "gruop": [{"name": "G", "olevel": "block"}],
        "dataset": [{
            "name": "/D", "status": "production", "data_type": "mc", "software_version": "CMSSW_1_2_3",
            "blocks": [{"name": "/D#b", "files": [
                file("/d/1", 5, adler32="0a1b2c3d", cksum="4294967295"), file("/d/2", 7, adler32=1, crc32="000000ff"),
            ]}],
        }],
        "datasetreplica": [{"dataset": "/D", "site": "A", "group": "G", "blockreplicas": [{"block": "b", "custodial": True}]}],
    }  # fmt: skip
    snapshot, planned = inject(EMPTY, document)
    assert planned.counts == {
        "datasets": 1, "blocks": 1, "files": 2, "sites": 1, "groups": 1, "datasetreplicas": 1, "blockreplicas": 1,
    }  # fmt: skip
    site = snapshot.row("sites", "A")
    assert (site["host"], site["storage_type"], site["backend"], site["status"]) == (
        "a.org",
        "MSS",
        "root://a//x",
        "WAITROOM",
    )
    assert snapshot.row("groups", "G")["level"] == "Block"
    made = snapshot.row("datasets", "/D")
    assert (made["status"], made["data_type"], made["software_version"]) == ("PRODUCTION", "mc", "CMSSW_1_2_3")
    files = snapshot.named("files").sort("lfn").select("lfn", "size", "adler32", "crc32").collect().rows()
    assert files == [("/d/1", 5, 0x0A1B2C3D, 2**32 - 1), ("/d/2", 7, 1, 255)]
    assert held(snapshot) == {("b", "A"): (12, 2, True)}
    assert snapshot.frame("block_replicas")["custodial"].to_list() == [True]
    assert planned.copies.is_empty()


def test_existing_objects_stay_as_they_are():
    before = base()
    document = {
        "site": [{"name": "A", "status": "morgue"}],
        "group": [{"name": "AnalysisOps", "olevel": "block"}],
        "dataset": [{"name": "/X", "status": "invalid", "blocks": [{"name": "b", "files": [file("/x/1", 999)]}]}],
        "datasetreplica": [replica("/X", "A", {"block": "b", "group": "DataOps", "files": ["/x/1"]}, growing=True)],
    }
    after, planned = inject(before, document)
    assert set(planned.counts.values()) == {0}
    assert not planned.puts
    assert all(
        after.frame(table).equals(before.frame(table))
        for table in ("sites", "groups", "datasets", "files", "block_replicas")
    )


def test_same_document_twice_changes_nothing_more():
    document = {
        "dataset": [dataset("/X", b2=[file("/x/9", site="C")])],
        "datasetreplica": [replica("/X", "C", {"block": "b", "files": ["/x/2"]})],
    }
    once, _ = inject(growing(), document)
    twice, planned = inject(once, document)
    assert set(planned.counts.values()) == {0}
    assert planned.copies.is_empty()
    assert held(twice) == held(once)


def test_first_replica_never_grows():
    document = {
        "site": [{"name": "A"}, {"name": "B"}, {"name": "C"}],
        "group": [{"name": "AnalysisOps"}],
        "dataset": [{"name": "/D"}],
        "datasetreplica": [replica("/D", "A", growing=True), replica("/D", "B"), replica("/D", "C", growing=False)],
    }
    snapshot, _ = inject(EMPTY, document)
    owner = "AnalysisOps"
    assert replicas(snapshot) == {("/D", "A"): (False, owner), ("/D", "B"): (True, owner), ("/D", "C"): (False, owner)}


def test_site_of_a_file_is_the_origin():
    document = {
        "dataset": [dataset("/D", b=[file("/d/1", site="C")])],
        "datasetreplica": [replica("/D", "A")],
    }
    snapshot, planned = inject(base(), document)
    found = replicas(snapshot)
    assert found["/D", "C"] == (False, "None")
    assert found["/D", "A"] == (True, "AnalysisOps")
    assert held(snapshot)["b", "C"] == (10, 1, True)
    assert (planned.counts["datasetreplicas"], planned.counts["blockreplicas"]) == (2, 1)


def test_new_block_goes_to_growing_replicas():
    snapshot, planned = inject(
        growing(), {"dataset": [dataset("/X", n=[file("/x/8", 8, site="A", adler32=7), file("/x/9", 9, site="A")])]}
    )
    assert held(snapshot)["n", "A"] == (17, 2, True)
    assert held(snapshot)["n", "B"] == (0, 0, False)
    assert copies(planned) == [("n", "/x/8", "B"), ("n", "/x/9", "B")]
    assert planned.copies.filter(planned.copies["lfn"] == "/x/8").row(0) == ("/X", "n", "/x/8", "B", 8, 7)
    groups = snapshot.named("block_replicas").collect()
    assert set(groups["group"]) == {"AnalysisOps"}


def test_new_empty_block_at_growing_replicas_then_a_file():
    snapshot, planned = inject(growing(), {"dataset": [{"name": "/X", "blocks": [{"name": "n"}]}]})
    assert planned.counts["blockreplicas"] == 1
    assert planned.copies.is_empty()
    assert held(snapshot)["n", "B"][:2] == (0, 0)
    snapshot, planned = inject(snapshot, {"dataset": [dataset("/X", n=[file("/x/8", site="A")])]})
    assert copies(planned) == [("n", "/x/8", "B")]
    assert held(snapshot)["n", "B"] == (0, 0, False)
    assert held(snapshot)["n", "A"] == (10, 1, True)
    _, planned = inject(snapshot, {"dataset": [dataset("/X", n=[file("/x/9", site="A")])]})
    assert copies(planned) == [("n", "/x/9", "B")]


def test_new_block_that_is_at_the_growing_site_already():
    snapshot, planned = inject(
        growing(), {"dataset": [dataset("/X", n=[file("/x/8", site="B"), file("/x/9", site="B")])]}
    )
    assert held(snapshot)["n", "B"] == (20, 2, True)
    assert planned.copies.is_empty()


def test_block_replica_of_the_document_wins_over_growing():
    document = {
        "dataset": [dataset("/X", n=[file("/x/8"), file("/x/9")])],
        "datasetreplica": [replica("/X", "B", {"block": "n"})],
    }
    snapshot, planned = inject(growing(), document)
    assert held(snapshot)["n", "B"] == (20, 2, True)
    assert planned.copies.is_empty()


def test_file_added_to_a_block_goes_to_full_replicas():
    snapshot, planned = inject(growing(), {"dataset": [dataset("/X", b=[file("/x/3", 30, site="A")])]})
    assert copies(planned) == [("b", "/x/3", "B")]
    assert held(snapshot) == {("b", "A"): (60, 3, True), ("b", "B"): (30, 2, False)}
    block = snapshot.frame("blocks").row(0, named=True)
    assert (block["size"], block["num_files"]) == (60, 3)


def test_file_added_at_a_site_without_replica():
    snapshot, planned = inject(base(), {"dataset": [dataset("/X", b=[file("/x/3", 30, site="C")])]})
    assert held(snapshot) == {("b", "A"): (30, 2, False), ("b", "C"): (30, 1, False)}
    assert replicas(snapshot)["/X", "C"] == (False, "None")
    assert copies(planned) == [("b", "/x/3", "A")]


def test_incomplete_replica_that_does_not_grow_is_left_alone():
    partial, _ = inject(
        base(), {"datasetreplica": [replica("/X", "C", {"block": "b", "files": ["/x/1"]}, growing=False)]}
    )
    _, planned = inject(partial, {"dataset": [dataset("/X", b=[file("/x/3", site="A")])]})
    assert planned.copies.is_empty()


def test_file_added_without_site():
    missing = "dataset[0].blocks[0].files[0]: 'site' is missing: the block has replicas, so say which site has the file"
    assert refusals(base(), {"dataset": [dataset("/X", b=[file("/x/3")])]}) == [missing]
    assert refusals(growing(), {"dataset": [dataset("/X", n=[file("/x/3")])]}) == [missing]
    # Without replicas nobody has to have it; and a block replica of the document can tell where it is.
    inject(base(), {"dataset": [dataset("/X", n=[file("/x/3")])]})
    listed = {
        "dataset": [dataset("/X", b=[file("/x/3")])],
        "datasetreplica": [replica("/X", "C", {"block": "b", "files": ["/x/3"]})],
    }
    snapshot, planned = inject(base(), listed)
    assert held(snapshot)["b", "C"] == (10, 1, False)
    assert copies(planned) == [("b", "/x/3", "A")]


def test_replicas_with_files_become_complete_when_all_are_there():
    listed = [{"name": "/x/1"}, "/x/2"]
    assert held(inject(base(), {"datasetreplica": [replica("/X", "C", {"block": "b", "files": listed})]})[0])[
        "b", "C"
    ] == (30, 2, True)
    some, _ = inject(base(), {"datasetreplica": [replica("/X", "C", {"block": "b", "files": listed[:1]})]})
    assert held(some)["b", "C"] == (10, 1, False)
    none, _ = inject(base(), {"datasetreplica": [replica("/X", "C", {"block": "b", "files": []})]})
    assert held(none)["b", "C"] == (0, 0, False)
    for begun in (some, none):
        finished, planned = inject(begun, {"datasetreplica": [replica("/X", "C", {"block": "b", "files": listed})]})
        assert held(finished)["b", "C"] == (30, 2, True)
        assert planned.counts["blockreplicas"] == 0


def test_files_for_a_complete_replica_change_nothing():
    before = base()
    after, _ = inject(before, {"datasetreplica": [replica("/X", "A", {"block": "b", "files": ["/x/1"]})]})
    assert held(after) == held(before)


def test_owner_of_block_replicas():
    document = {
        "datasetreplica": [
            {"dataset": "/X", "site": "B", "group": "DataOps", "blockreplicas": [{"block": "b"}]},
            {"dataset": "/X", "site": "C", "blockreplicas": [{"block": "b", "group": "DataOps"}]},
        ]
    }
    snapshot, _ = inject(base(), document)
    groups = dict(snapshot.named("block_replicas").select("site", "group").collect().iter_rows())
    assert groups == {"A": "AnalysisOps", "B": "DataOps", "C": "DataOps"}
    assert replicas(snapshot)["/X", "C"] == (True, "None")
    document["datasetreplica"][1]["blockreplicas"][0].pop("group")
    assert refusals(base(), document) == [
        "datasetreplica[1].blockreplicas[0]: 'group' is missing: the dataset replica has no owner that it could take"
    ]


def test_growing_replica_of_the_document_gets_future_blocks_only():
    document = {"dataset": [dataset("/X", n=[file("/x/9")])], "datasetreplica": [replica("/X", "B")]}
    snapshot, planned = inject(base(), document)
    assert ("n", "B") not in held(snapshot)
    assert planned.copies.is_empty()
    assert replicas(snapshot)["/X", "B"] == (True, "AnalysisOps")


def test_empty_document():
    snapshot, planned = inject(base(), {})
    assert held(snapshot) == held(base())
    assert set(planned.counts.values()) == {0}


@pytest.mark.slow
def test_hundred_thousand_files_plan_in_seconds():
    blocks = [
        {"name": f"b{number}", "files": [file(f"/store/x/{number}/{place}.root", 1000, adler32="0badcafe", site="A") for place in range(1000)]}
        for number in range(100)
    ]  # fmt: skip
    start = time.monotonic()
    planned = plan(growing(), {"dataset": [{"name": "/X", "blocks": blocks}]}, NOW)
    assert time.monotonic() - start < 10
    assert planned.counts["files"] == planned.copies.height == 100_000


def test_invalidate_whole_dataset():
    snapshot, planned = invalidate(growing(), {"dataset": [{"name": "/X", "status": "valid"}]})
    assert planned.counts["datasets"] == 1
    assert names(snapshot, "datasets") == []
    assert held(snapshot) == {}
    assert names(snapshot, "sites") == ["A", "B", "C"]


def test_invalidate_block_and_file():
    two, _ = inject(base(), {"dataset": [dataset("/X", n=[file("/x/9")])]})
    snapshot, planned = invalidate(two, {"dataset": [{"name": "/X", "blocks": [{"name": "/X#n"}]}]})
    assert (planned.counts["datasets"], planned.counts["blocks"]) == (0, 1)
    assert names(snapshot, "blocks") == ["b"]
    for listed in ("/x/1", {"name": "/x/1"}, {"name": "/x/1", "size": 10, "site": "A"}):
        document = {"dataset": [{"name": "/X", "blocks": [{"name": "b", "files": [listed]}]}]}
        snapshot, planned = invalidate(growing(), document)
        assert (planned.counts["blocks"], planned.counts["files"]) == (0, 1)
        assert lfns(snapshot) == ["/x/2"]
        assert held(snapshot) == {("b", "A"): (20, 1, True), ("b", "B"): (20, 1, True)}


def test_invalidate_replicas():
    snapshot, planned = invalidate(growing(), {"datasetreplica": [{"dataset": "/X", "site": "B"}]})
    assert planned.counts["datasetreplicas"] == 1
    assert list(held(snapshot)) == [("b", "A")]
    one = {"datasetreplica": [{"dataset": "/X", "site": "B", "blockreplicas": [{"block": "b"}]}]}
    snapshot, planned = invalidate(growing(), one)
    assert (planned.counts["datasetreplicas"], planned.counts["blockreplicas"]) == (0, 1)
    assert ("/X", "B") in replicas(snapshot)
    assert list(held(snapshot)) == [("b", "A")]
    part = {"datasetreplica": [{"dataset": "/X", "site": "B", "blockreplicas": [{"block": "b", "files": ["/x/2"]}]}]}
    snapshot, _ = invalidate(growing(), part)
    assert held(snapshot) == {("b", "A"): (30, 2, True), ("b", "B"): (10, 1, False)}
    assert lfns(snapshot) == ["/x/1", "/x/2"]


def test_invalidate_sites_and_groups():
    snapshot, planned = invalidate(growing(), {"site": [{"name": "B"}], "group": [{"name": "DataOps"}]})
    assert (planned.counts["sites"], planned.counts["groups"]) == (1, 1)
    assert names(snapshot, "sites") == ["A", "C"]
    assert names(snapshot, "groups") == ["AnalysisOps", "None"]
    assert list(held(snapshot)) == [("b", "A")]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"dataset": []},
        {"dataset": [{"name": "/X", "blocks": []}]},
        {"dataset": [{"name": "/X", "blocks": [{"name": "b", "files": []}]}]},
        {"datasetreplica": [{"dataset": "/X", "site": "A", "blockreplicas": []}]},
        {"datasetreplica": [{"dataset": "/X", "site": "A", "blockreplicas": [{"block": "b", "files": []}]}]},
    ],
)
def test_empty_lists_take_nothing(document):
    before = growing()
    after, planned = invalidate(before, document)
    assert set(planned.counts.values()) == {0}
    assert held(after) == held(before)
    assert lfns(after) == lfns(before)
