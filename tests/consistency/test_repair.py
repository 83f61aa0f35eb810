"""What a repair does about findings, on a small inventory."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from consistency import repair
from consistency.compare import Findings
from consistency.frames import EXPECTED, LISTED, SPARED, SUSPECTS
from consistency.knowledge import UnknownSite, know
from consistency.settings import ConsistencySettings
from inventory.changes import ChangeSet
from inventory.resolve import applied
from inventory.snapshot import Snapshot
from tests.consistency.makers import NOW

SETTINGS = ConsistencySettings()
SITES = {"T2_A": "DISK", "T2_B": "DISK", "T2_DOWN": "DISK", "T1_MSS": "MSS"}
LFNS = [f"/store/mc/E/P/T/v1/00/{name}.root" for name in ("a", "b", "c", "d")]
NO_OPERATIONS = pl.DataFrame(schema={"lfn": pl.String, "operation": pl.String})
NO_ITEMS = pl.DataFrame(schema={"dataset": pl.String, "block": pl.String, "site": pl.String})


def inventory(*replicas):
    """One dataset of one block of four files; ``replicas``: site, or (site, names of the files there)."""
    changes = ChangeSet("test", 1)
    changes.put("sites", [
        {"name": name, "storage_type": kind, "backend": f"file:///{name}", "status": "MORGUE" if name == "T2_DOWN" else "READY"}
        for name, kind in SITES.items()
    ])  # fmt: skip
    changes.put("datasets", [{"name": "/P/E-v1/T", "status": "VALID"}])
    changes.put("blocks", [{"dataset": "/P/E-v1/T", "name": "b1"}])
    changes.put(
        "files", [{"dataset": "/P/E-v1/T", "block": "b1", "lfn": lfn, "size": 10, "adler32": 7} for lfn in LFNS]
    )
    for replica in replicas:
        site, files = replica if isinstance(replica, tuple) else (replica, None)
        key = {"dataset": "/P/E-v1/T", "site": site}
        changes.put("dataset_replicas", [key])
        changes.put("block_replicas", [{**key, "block": "b1", "complete": files is None}])
        if files:
            changes.put("replica_files", [{**key, "block": "b1", "lfn": lfn} for lfn in LFNS if lfn[-6] in files])
    return applied(Snapshot.from_frames({}), changes, NOW)


def knowledge(snapshot, site):
    return know(snapshot, site, NO_OPERATIONS, NO_ITEMS, frozenset())


def findings(snapshot, site, missing, orphans=(), directories=()):
    expected = knowledge(snapshot, site).expected
    lost = expected.filter(pl.col("base_name").is_in([f"{name}.root" for name in missing]))
    nothing = pl.lit(None, pl.Int64).alias("listed_size")
    return Findings(
        missing=lost.with_columns(nothing),
        orphans=pl.DataFrame([("/store/mc/x", name, 5, 1) for name in orphans], schema=LISTED, orient="row"),
        mismatched=pl.DataFrame(schema={**EXPECTED, "listed_size": pl.Int64}),
        empty_directories=pl.DataFrame({"directory": list(directories), "mtime": [1] * len(directories)}),
        spared=pl.DataFrame(schema=SPARED),
        suspects=pl.DataFrame(schema=SUSPECTS),
    )


def planned(snapshot, missing, settings=SETTINGS, **keywords):
    found = findings(snapshot, "T2_A", missing, **keywords)
    return repair.plan(found, snapshot, "T2_A", 4, settings)


def test_missing_file_is_copied_from_another_disk():
    plan = planned(inventory("T2_A", "T2_B", "T1_MSS"), "a")
    assert plan.copies.rows(named=True) == [
        {"dataset": "/P/E-v1/T", "block": "b1", "lfn": LFNS[0], "site": "T2_A", "size": 10, "adler32": 7, "tape": False}
    ]
    assert plan.lost["lfn"].to_list() == [LFNS[0]] and plan.unrecoverable.is_empty() and not plan.alarms


def test_file_that_only_tape_has_is_copied_from_tape():
    assert planned(inventory("T2_A", "T1_MSS"), "a").copies["tape"].to_list() == [True]


def test_partial_replica_elsewhere_helps_with_the_files_it_has():
    plan = planned(inventory("T2_A", ("T2_B", "ab")), "ac")
    assert plan.copies["lfn"].to_list() == [LFNS[0]]
    assert plan.unrecoverable["lfn"].to_list() == [LFNS[2]]


def test_file_without_another_copy_is_unrecoverable_and_alarms():
    plan = planned(inventory("T2_A", "T2_DOWN"), "b")
    assert plan.copies.is_empty() and plan.unrecoverable["lfn"].to_list() == [LFNS[1]]
    assert plan.lost["lfn"].to_list() == [LFNS[1]], "the replica is marked incomplete all the same"
    assert "no other copy" in plan.alarms[0]


def test_too_many_missing_files_are_left_to_a_person():
    plan = planned(inventory("T2_A", "T2_B"), "ab", replace(SETTINGS, max_missing=1), orphans=("o",))
    assert plan.lost.is_empty() and plan.copies.is_empty() and "more than 1" in plan.alarms[0]
    assert plan.orphans["lfn"].to_list() == ["/store/mc/x/o"], "the orphans are few enough"


def test_site_that_lost_nearly_everything_is_left_to_a_person():
    plan = planned(inventory("T2_A", "T2_B"), "abc")
    assert plan.lost.is_empty() and "3 of 4" in plan.alarms[0]


def test_too_many_orphans_are_left_to_a_person():
    plan = planned(inventory("T2_A"), "", replace(SETTINGS, max_orphan=1), orphans=("o", "p"))
    assert plan.orphans.is_empty() and "2 orphans" in plan.alarms[0]


def test_expected_files_are_those_of_complete_replicas_and_the_listed_ones_of_partial_replicas():
    snapshot = inventory("T2_A", ("T2_B", "bd"))
    assert knowledge(snapshot, "T2_A").expected["base_name"].sort().to_list() == [
        "a.root",
        "b.root",
        "c.root",
        "d.root",
    ]
    assert knowledge(snapshot, "T2_B").expected["base_name"].sort().to_list() == ["b.root", "d.root"]
    assert knowledge(snapshot, "T1_MSS").expected.is_empty()


def test_unknown_site_is_named_with_those_there_are():
    with pytest.raises(UnknownSite, match=r"T9_X.*T2_A"):
        knowledge(inventory(), "T9_X")
    with pytest.raises(UnknownSite, match="none at all"):
        knowledge(Snapshot.from_frames({}), "T9_X")
