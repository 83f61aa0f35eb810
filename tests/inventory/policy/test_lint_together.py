"""Partitions that overlap, sites that no policy rules: by logic, and on the replicas of an inventory."""

from __future__ import annotations

import pytest

from inventory.changes import ChangeSet
from inventory.policy.checking import FileReport, World, check_text, together, world_of
from inventory.policy.lint.together import Partitions, pairs_of
from inventory.policy.parser import parse_partitions
from inventory.resolve import applied
from inventory.snapshot import Snapshot

NOW = 1_700_000_000
TB = 10**12
PARTITIONS = """\
A: blockreplica.owner == Ana and site.storage_type == DISK
B: blockreplica.owner == Ops and site.storage_type == DISK
Tape: site.storage_type == MSS
All: blockreplica.owner != None
AB: [A, B]
Wide: [AB, All]
Same: site.storage_type == MSS
"""
POLICY = "Partition {name}\nOn {on}\nWhen site.occupancy > 0.9\nUntil site.occupancy < 0.8\nDismiss\nOrder none\n"


@pytest.fixture
def snapshot() -> Snapshot:
    """Two disks and a tape; Ana has a block at T2_A, Ops one at T2_B."""
    sites = [
        {"name": name, "storage_type": "MSS" if "MSS" in name else "DISK", "status": "READY"}
        for name in ("T2_A", "T2_B", "T1_MSS")
    ]
    replicas = [("/a/1/RAW", "T2_A", "Ana"), ("/a/2/RAW", "T2_B", "Ops")]
    changes = ChangeSet("test", 1).put("sites", sites)
    changes.put("groups", [{"name": name, "level": "Dataset"} for name in ("Ana", "Ops")])
    rows = (line.split(": ", 1) for line in PARTITIONS.splitlines())
    changes.put("partitions", [{"name": name, "definition": definition} for name, definition in rows])
    changes.put(
        "quotas",
        [
            {"site": "T2_B", "partition": "A", "quota": TB},
            {"site": "T2_A", "partition": "B", "quota": 2 * TB},
            {"site": "T2_A", "partition": "Tape", "quota": TB},
        ],
    )
    changes.put("datasets", [{"name": dataset} for dataset, *_ in replicas])
    changes.put("blocks", [{"dataset": dataset, "name": "b", "size": TB, "num_files": 1} for dataset, *_ in replicas])
    changes.put("dataset_replicas", [{"dataset": one, "site": site, "group": group} for one, site, group in replicas])
    changes.put(
        "block_replicas",
        [
            {"dataset": one, "block": "b", "site": site, "group": group, "complete": True}
            for one, site, group in replicas
        ],
    )
    return applied(Snapshot.from_frames({}), changes, NOW)


def found(reports: list[FileReport]) -> list[tuple[str, str, int, str]]:
    return [(one.code, one.file, one.line, one.what) for report in reports for one in report.findings]


def checked(world: World, **files: str) -> list[tuple[str, str, int, str]]:
    return found(together([check_text(text, name, world) for name, text in files.items()], world))


def test_partitions_by_logic() -> None:
    told = checked(World(NOW), partitions=PARTITIONS)
    assert [(code, line) for code, _, line, _ in told] == [("DL502", 4), ("DL505", 6), ("DL505", 6), ("DL502", 7)]
    assert told[0][3].startswith("All overlaps with A: a block replica can be in both; B: ")
    assert "Tape: the same condition" in told[3][3]


def test_partitions_on_replicas(snapshot: Snapshot) -> None:
    told = checked(world_of(snapshot, NOW), partitions=PARTITIONS)
    shared = "All overlaps with A: 1 block replicas, 1 TB, are in both, e.g. /a/1/RAW#b at T2_A; B: 1 block"
    assert [what[: len(shared)] for code, *_, what in told if code == "DL502"] == [shared]


def test_logic_sees_all_that_replicas_show(snapshot: Snapshot) -> None:
    """What overlaps on replicas overlaps by logic, whatever partitions these are."""
    given = Partitions(parse_partitions(PARTITIONS))
    assert set(pairs_of(given, snapshot, NOW)) <= set(pairs_of(given, None, NOW))
    assert len(pairs_of(given, snapshot, NOW)) == 2


def test_sites_that_no_policy_chooses(snapshot: Snapshot) -> None:
    told = checked(world_of(snapshot, NOW), one=POLICY.format(name="AB", on="site.name == T2_B"))
    assert told == [
        ("DL506", "<inventory>", 1, "Tape has quotas, and no policy rules it"),
        ("DL501", "one", 2, "1 sites of AB are chosen by no `On`: T2_A (quota 2 TB, 1 TB there)"),
    ]
    whole = POLICY.format(name="AB", on="site.occupancy < 9")
    assert [code for code, *_ in checked(world_of(snapshot, NOW), one=whole)] == ["DL506"]


def test_policies_that_rule_the_same(snapshot: Snapshot) -> None:
    one, wide, again = (POLICY.format(name=name, on="always") for name in ("AB", "Wide", "AB"))
    told = checked(world_of(snapshot, NOW), one=one, wide=wide, again=again)
    assert [(code, file) for code, file, *_ in told if code in ("DL503", "DL504")] == [
        ("DL503", "wide"), ("DL503", "again"), ("DL504", "again"),
    ]  # fmt: skip
    tape, every = POLICY.format(name="Tape", on="always"), POLICY.format(name="All", on="always")
    assert "DL503" not in [code for code, *_ in checked(world_of(snapshot, NOW), tape=tape, every=every)]


def test_a_partitions_file_among_the_files_is_what_policies_are_held_against() -> None:
    told = checked(World(NOW), partitions="A: site.storage_type == DISK", one=POLICY.format(name="Aa", on="always"))
    assert told == [("DL303", "one", 1, "no partition 'Aa' exists (did you mean A?)")]


def test_policies_for_other_sites_do_not_rule_the_same(snapshot: Snapshot) -> None:
    one, other = POLICY.format(name="A", on="site.name == T2_A"), POLICY.format(name="All", on="site.name == T2_B")
    assert "DL503" not in [code for code, *_ in checked(world_of(snapshot, NOW), one=one, other=other)]
    wide = POLICY.format(name="All", on="site.name == T2_*")
    told = [what for code, *_, what in checked(world_of(snapshot, NOW), one=one, wide=wide) if code == "DL503"]
    assert told == ["A (one) and All overlap; A and All: 1 block replicas, 1 TB, are in both, e.g. /a/1/RAW#b at T2_A"]


def test_policies_that_share_a_part_at_sites_apart() -> None:
    world = World(NOW, definitions=Partitions(parse_partitions(PARTITIONS)))
    one, other = POLICY.format(name="AB", on="site.name == T1_*"), POLICY.format(name="A", on="site.name in [T2_* T0]")
    assert checked(world, one=one, other=other) == []
    both = POLICY.format(name="A", on="site.name in [T2_* T1_A]")
    assert [(code, file) for code, file, *_ in checked(world, one=one, both=both)] == [("DL503", "both")]
