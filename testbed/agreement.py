"""Does what the inventory believes agree with what lies on the disks? Read from the disks themselves, not through Dynamo."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import polars as pl

from inventory.snapshot import Snapshot
from testbed.sites import DemoSite


@dataclass
class Agreement:
    """What was compared and every difference found, in words."""

    files: int = 0
    differences: list[str] = field(default_factory=list)


def compare(snapshot: Snapshot, sites: list[DemoSite]) -> Agreement:
    """Every file of every site: there exactly where the inventory has it, with its size and adler32."""
    agreement = Agreement()
    present = files_present(snapshot)
    for site in sites:
        rows = present.filter(pl.col("site") == site.name)
        _compare_site(site, {row["lfn"]: row for row in rows.iter_rows(named=True)}, agreement)
    return agreement


def files_present(snapshot: Snapshot) -> pl.DataFrame:
    """Frame (site String, lfn String, size Int64 bytes, adler32 UInt32): what the inventory says is on storage."""
    files = snapshot.table("files")
    replicas = snapshot.table("block_replicas").select("block_id", "site_id", "complete")
    whole = replicas.filter("complete").join(files, on="block_id")
    partial = snapshot.table("replica_files").select("block_id", "site_id", "file_id")
    partial = partial.join(files, on=["block_id", "file_id"])
    columns = [
        "site_id",
        pl.format("{}/{}", "directory", "base_name").alias("lfn"),
        "size",
        "adler32",
    ]
    both = pl.concat([whole.select(columns), partial.select(columns)])
    names = snapshot.table("sites").select("site_id", pl.col("name").alias("site"))
    return both.join(names, on="site_id").select("site", "lfn", "size", "adler32").collect()


def _compare_site(site: DemoSite, expected: dict[str, dict[str, object]], agreement: Agreement) -> None:
    on_disk = site.lfns()
    agreement.files += len(on_disk)
    differences = agreement.differences
    differences += [
        f"{site.name}: {lfn} is in the inventory but not on disk" for lfn in sorted(expected.keys() - on_disk)
    ]
    differences += [
        f"{site.name}: {lfn} is on disk but not in the inventory" for lfn in sorted(on_disk - expected.keys())
    ]
    for lfn in sorted(on_disk & expected.keys()):
        content = site.path(lfn).read_bytes()
        found = (len(content), zlib.adler32(content))
        wanted = (expected[lfn]["size"], expected[lfn]["adler32"])
        if found != wanted:
            differences.append(f"{site.name}: {lfn} has (size, adler32) {found}, the inventory says {wanted}")
