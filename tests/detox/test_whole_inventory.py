"""Whole cycles on the reference inventory: the lists are the reference's, and the inventory afterwards is what they say."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.core.management import call_command

from detox import history
from detox.cycle import run_cycle
from detox.models import Cycle
from inventory.snapshot import Snapshot
from scheduler.models import Run
from tests.detox.store import let_all_pass, parsed

GOLDEN = Path(__file__).parent / "golden"
NOW = 1700000000
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis", "history_dir"), pytest.mark.slow]


@pytest.fixture
def loaded(inventory, monkeypatch) -> Any:
    """The reference inventory, at its own time."""
    call_command(
        "inventory",
        "load",
        str(GOLDEN / "inventory_400.tgz"),
        partitions=GOLDEN / "partitions.txt",
        stdout=io.StringIO(),
    )
    monkeypatch.setattr("detox.cycle.time.time", lambda: NOW)
    return inventory


def replicas(snapshot: Snapshot) -> pl.DataFrame:
    """Block replicas with their owners, by names."""
    return snapshot.named("block_replicas").select("site", "dataset", "block", "group", "size").collect()


def lists(cycle: Cycle) -> dict[str, list[list[Any]]]:
    rows = history.read(cycle.pk, "decisions").sort("site", "dataset", "line")
    columns = ("site", "dataset", "line", "num_blocks", "size")
    return {
        name: [list(row) for row in rows.filter(pl.col("decision") == name).select(columns).rows()]
        for name in ("deleted", "kept", "protected")
    }


@pytest.mark.parametrize("case", ["watermark", "blocks"])
def test_the_inventory_becomes_what_the_reference_lists_say(loaded, case: str) -> None:
    reference = json.loads(gzip.decompress((GOLDEN / f"{case}.json.gz").read_bytes()))
    before = replicas(loaded.snapshot())
    let_all_pass()
    cycle = run_cycle(parsed((GOLDEN / f"{case}.txt").read_text()), "alice")
    assert {name: sorted(rows) for name, rows in lists(cycle).items()} == {
        name: sorted(reference[name]) for name in ("deleted", "kept", "protected")
    }
    after, plan = replicas(loaded.snapshot()), history.read(cycle.pk, "plan")
    keys = ["site", "dataset", "block"]
    going = plan.filter("deleted", pl.col("block").is_not_null())
    changed = plan.filter(~pl.col("deleted")).select(*keys, "new_group")
    assert changed.group_by("site", "dataset").len().sort("site", "dataset").rows() == [
        tuple(row) for row in sorted(reference["reowned"])
    ]
    wanted = before.join(going, on=keys, how="anti").join(changed, on=keys, how="left")
    wanted = wanted.with_columns(group=pl.coalesce("new_group", "group")).select(before.columns)
    assert after.sort(keys).equals(wanted.sort(keys))
    assert len(before) - len(after) == sum(row[3] for row in reference["deleted"])
    growing = loaded.snapshot().named("dataset_replicas").filter("growing").select("site", "dataset").collect()
    whole = going.filter("whole").select("site", "dataset").unique()
    assert growing.join(whole, on=["site", "dataset"], how="semi").is_empty()


def test_occupancies_are_those_of_the_inventory_afterwards(loaded) -> None:
    cycle = run_cycle(parsed((GOLDEN / "watermark.txt").read_text()), "alice")
    left = (
        replicas(loaded.snapshot()).filter(pl.col("group") == "AnalysisOps").group_by("site").agg(pl.col("size").sum())
    )
    sizes = dict(left.iter_rows())
    told = {row.site: row.occupied_after for row in cycle.sites.all()}
    assert told == {site: sizes.get(site, 0) for site in told}
    assert any(row.triggered for row in cycle.sites.all())
    assert Run.objects.get(pk=cycle.run).versions_written
