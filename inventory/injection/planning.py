"""What an injection document means for an inventory: rows of a change set and the copies that follow.

Existing objects stay as they are; missing ones are made. Steps: blocks (those new in a dataset with growing replicas get
replicas there), files (with where they are), dataset replicas, block replicas, copies of what is missing where it should be.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from inventory.injection.document import read_document
from inventory.injection.known import Known, note_unknown
from inventory.injection.plan import COPIES, COUNTED, Plan
from inventory.injection.reading import Reading
from inventory.schema import NO_GROUP_NAME
from inventory.snapshot import Snapshot

_BLOCK = ["dataset", "block"]
_REPLICA = ["dataset", "block", "site"]


def plan(snapshot: Snapshot, document: Any, now: int = 0) -> Plan:
    """Plan the injection of ``document`` (what the JSON text was decoded to).

    ``now``: UTC seconds, given to new replicas. Raises ChangeRefused with every mistake and its place in the document.
    """
    rows, reading = read_document(document)
    known = Known(snapshot, rows)
    _check_names(rows, known, reading)
    planning = _Planning(rows, known, reading)
    planning.check()
    reading.finish()
    puts = {table: frame for table, frame in planning.puts(now).items() if frame.height}
    counts = {label: puts[table].height if table in puts else 0 for table, label in COUNTED.items()}
    return Plan(puts=puts, copies=planning.copies(), counts=counts)


def _check_names(rows: dict[str, pl.DataFrame], known: Known, reading: Reading) -> None:
    """Datasets, sites and groups that are named exist, in the inventory or in the document."""
    datasets = pl.concat([known.datasets["dataset"], rows["datasets"]["name"].alias("dataset")])
    sites = pl.concat([known.sites["site"], rows["sites"]["name"].alias("site")])
    groups = pl.concat([known.groups["group"], rows["groups"]["name"].alias("group")])
    note_unknown(rows["dataset_replicas"], datasets, "dataset", "dataset", reading)
    note_unknown(rows["files"], sites, "site", "site", reading)
    for table in ("dataset_replicas", "block_replicas"):
        note_unknown(rows[table], groups, "group", "group", reading)
    note_unknown(rows["dataset_replicas"], sites, "site", "site", reading)


class _Planning:
    """The frames of one document against what is known of the inventory; all in names."""

    def __init__(self, rows: dict[str, pl.DataFrame], known: Known, reading: Reading) -> None:
        self.rows, self.known, self.reading = rows, known, reading
        blocks = rows["blocks"].select("dataset", pl.col("name").alias("block"), "where")
        self.new_blocks = blocks.join(known.blocks, on=_BLOCK, how="anti")
        touched = pl.concat([blocks.select(_BLOCK), rows["block_replicas"].select(_BLOCK)]).unique()
        self.known_files = known.files(touched)
        self.new_files = rows["files"].join(self.known_files, on=[*_BLOCK, "lfn"], how="anti", maintain_order="left")
        self.growing = known.dataset_replicas.filter("growing").select("dataset", "site")
        # New block replicas that the document names, and those that it does not name but that follow from it.
        named = rows["block_replicas"].join(known.block_replicas, on=_REPLICA, how="anti", maintain_order="left")
        self.named_replicas = named
        placed = self.new_files.filter(pl.col("site").is_not_null()).select(_REPLICA)
        grown = self.new_blocks.join(self.growing, on="dataset").select(_REPLICA)
        followed = pl.concat([placed, grown]).unique(maintain_order=True)
        for others in (named, known.block_replicas):
            followed = followed.join(others, on=_REPLICA, how="anti", maintain_order="left")
        self.followed_replicas = followed
        self.new_dataset_replicas = self._dataset_replicas()

    def check(self) -> None:
        """Note what contradicts the inventory."""
        self._check_elsewhere()
        self._check_replica_blocks()
        self._check_groups()
        self._check_places()

    def _dataset_replicas(self) -> pl.DataFrame:
        """New ones in order of the document: dataset, site, growing, group. The first of a dataset never grows.

        One that only follows from where files are does not grow; the others do, unless the document says no.
        """
        named = self.rows["dataset_replicas"].select("dataset", "site", "growing", "group", asked=pl.lit(True))
        implied = self.followed_replicas.select("dataset", "site").unique(maintain_order=True)
        both = pl.concat([implied, named], how="diagonal")
        both = both.group_by("dataset", "site", maintain_order=True).agg(
            pl.col("growing", "group", "asked").drop_nulls().first()
        )
        old = self.known.dataset_replicas
        new = both.join(old, on=["dataset", "site"], how="anti", maintain_order="left")
        origin = ~pl.col("dataset").is_in(old["dataset"].unique().implode()) & pl.col("dataset").is_first_distinct()
        wanted = pl.col("growing").fill_null(pl.col("asked").fill_null(False))
        return new.select("dataset", "site", growing=wanted & ~origin, group="group")

    def _check_elsewhere(self) -> None:
        """An LFN exists once."""
        found = self.known.elsewhere(self.new_files["lfn"].drop_nulls())
        for row in self.new_files.join(found, on="lfn").iter_rows(named=True):
            place = f"{row['known_dataset']}#{row['known_block']}"
            self.reading.wrong(row["where"], f"{row['lfn']!r} exists in another block, {place}")

    def _check_replica_blocks(self) -> None:
        """Blocks of block replicas, and files listed in them, exist in the inventory or in the document."""
        blocks = pl.concat([self.known.blocks.select(_BLOCK), self.new_blocks.select(_BLOCK)])
        for row in self.rows["block_replicas"].join(blocks, on=_BLOCK, how="anti").iter_rows(named=True):
            self.reading.wrong(row["where"], f"dataset {row['dataset']!r} has no block {row['block']!r}")
        files = pl.concat([self.known_files.select(*_BLOCK, "lfn"), self.new_files.select(*_BLOCK, "lfn")])
        listed = self.rows["replica_files"].join(files, on=[*_BLOCK, "lfn"], how="anti")
        listed = listed.join(blocks, on=_BLOCK, how="semi").drop_nulls("lfn")
        for row in listed.iter_rows(named=True):
            self.reading.wrong(row["where"], f"block {row['block']!r} has no file {row['lfn']!r}")

    def _check_groups(self) -> None:
        """A block replica has an owner of its own where the dataset replica has none."""
        owners = pl.concat([
            self.known.dataset_replicas.select("dataset", "site", owner="group"),
            self.new_dataset_replicas.select("dataset", "site", owner=pl.col("group").fill_null(NO_GROUP_NAME)),
        ])  # fmt: skip
        lacking = self.named_replicas.filter(pl.col("group").is_null()).join(owners, on=["dataset", "site"])
        for where in lacking.filter(pl.col("owner") == NO_GROUP_NAME)["where"]:
            self.reading.wrong(where, "'group' is missing: the dataset replica has no owner that it could take")

    def _check_places(self) -> None:
        """A new file of a block with replicas has to be somewhere."""
        replicated = pl.concat([
            self.known.block_replicas.select(_BLOCK), self.followed_replicas.select(_BLOCK)
        ]).unique()  # fmt: skip
        nowhere = self.new_files.join(replicated, on=_BLOCK, how="semi", maintain_order="left")
        nowhere = nowhere.join(self._present().select(*_BLOCK, "lfn"), on=[*_BLOCK, "lfn"], how="anti")
        for where in nowhere["where"]:
            self.reading.wrong(where, "'site' is missing: the block has replicas, so say which site has the file")

    def _present(self) -> pl.DataFrame:
        """New files with where the document says they are: dataset, block, lfn, site."""
        key = [*_BLOCK, "lfn", "site"]
        new = self.new_files.select(*_BLOCK, "lfn")
        whole = self.named_replicas.filter(~pl.col("files")).select(_REPLICA)
        listed = self.rows["replica_files"].join(new, on=[*_BLOCK, "lfn"], how="semi")
        placed = self.new_files.filter(pl.col("site").is_not_null())
        return pl.concat([placed.select(key), listed.select(key), new.join(whole, on=_BLOCK).select(key)]).unique()

    def _listed(self) -> pl.DataFrame:
        """``replica_files`` to put: where new files are, and files listed for replicas that are not complete already."""
        key = [*_BLOCK, "lfn", "site"]
        complete = self.known.block_replicas.filter("complete")
        placed = self.new_files.filter(pl.col("site").is_not_null()).select(key)
        listed = self.rows["replica_files"].select(key)
        # A listed file that is new to a complete replica's block arrives; one that was there is there already.
        old = listed.join(complete, on=_REPLICA, how="semi").join(self.new_files, on=[*_BLOCK, "lfn"], how="anti")
        return pl.concat([placed, listed.join(old, on=key, how="anti")]).unique(maintain_order=True)

    def puts(self, now: int) -> dict[str, pl.DataFrame]:
        """Rows of the change set by table: only what does not exist yet."""
        rows, known = self.rows, self.known
        new_datasets = rows["datasets"].filter(~pl.col("name").is_in(known.datasets["dataset"].implode()))
        return {
            "sites": rows["sites"].filter(~pl.col("name").is_in(known.sites["site"].implode())).drop("where"),
            "groups": rows["groups"].filter(~pl.col("name").is_in(known.groups["group"].implode())).drop("where"),
            "datasets": new_datasets.drop("where", "blocks"),
            "blocks": self.new_blocks.select("dataset", name="block"),
            "files": self.new_files.drop("where", "site"),
            "dataset_replicas": self.new_dataset_replicas,
            "block_replicas": self._block_replicas(now),
            "replica_files": self._listed(),
        }

    def _block_replicas(self, now: int) -> pl.DataFrame:
        named = self.named_replicas.select(*_REPLICA, "group", "custodial", complete=~pl.col("files"))
        empty = self.new_blocks.join(self.new_files, on=_BLOCK, how="anti").select(_BLOCK)
        followed = self.followed_replicas.join(empty.with_columns(complete=True), on=_BLOCK, how="left")
        followed = followed.with_columns(pl.col("complete").fill_null(False))
        return pl.concat([named, followed], how="diagonal").with_columns(last_update=pl.lit(now or None, pl.Int64))

    def copies(self) -> pl.DataFrame:
        """New files at the replicas that should have them and do not: full ones, and those of growing dataset replicas."""
        replicas = self.known.block_replicas.join(
            self.growing.with_columns(grows=True), on=["dataset", "site"], how="left"
        )
        should = replicas.filter(pl.col("complete") | pl.col("grows").fill_null(False)).select(_REPLICA)
        grown = self.followed_replicas.join(self.growing, on=["dataset", "site"], how="semi").select(_REPLICA)
        wanted = self.new_files.drop("site").join(pl.concat([should, grown]).unique(), on=_BLOCK)
        missing = wanted.join(self._present(), on=[*_BLOCK, "lfn", "site"], how="anti")
        return missing.select(COPIES.names()).cast(COPIES).sort("dataset", "block", "lfn", "site")
