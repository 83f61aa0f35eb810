"""Files of blocks, and from logical to physical names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from inventory.paths import PathError, site_pfns
from inventory.schema import TABLES
from inventory.snapshot import Snapshot, lfn
from registry.api.asked import Asked, wrong
from registry.api.columns import Field, by_name, named, of_table
from registry.api.documented import documented
from registry.api.frames import Listed, of_frame
from registry.api.frames import of_table as rows_of
from registry.api.inventory.datasets import NAME, of_variable, only
from registry.api.inventory.replicas import BLOCK_NAME
from registry.api.reading import InventoryList, InventoryObject
from registry.naming import expand_sites, is_glob

_LFN = "/store/mc/Wheat/Bread/AODSIM/v1/00000/0a1b2c3d-0000-4000-8000-000000000001.root"
_MOST_PATHS = 10_000


def _hexadecimal(name: str) -> Field:
    """A checksum as it is written: eight digits."""
    (field,) = of_table("files", name)

    def derive(snapshot: Snapshot, rows: pl.DataFrame) -> pl.Series:
        digits = [None if value is None else f"{value:08x}" for value in rows[name].to_list()]
        return pl.Series(digits, dtype=pl.String)

    return Field(name, "text", field.description, "0f1e2d3c", nullable=True, needs=(name,), derive=derive)


FILES = by_name(
    named("dataset", "dataset_id", "datasets", "dataset", NAME),
    BLOCK_NAME,
    Field(
        "lfn", "text", "logical file name", _LFN, needs=("directory", "base_name"),
        derive=lambda _, rows: rows.select(lfn()).to_series(),
    ),
    *of_table("files", "size", size=2_400_000_000),
    _hexadecimal("adler32"),
    _hexadecimal("crc32"),
)  # fmt: skip
PATHS = by_name(
    Field("site", "text", "site", "T2_US_MIT"),
    Field("protocol", "text", "access protocol", "root"),
    Field("lfn", "text", "logical file name", _LFN),
    Field("pfn", "text", "physical file name", f"root://xrootd.example.org/{_LFN}"),
)


@documented(
    "files", "Files", "All files that fulfil the conditions, or those of one dataset; those of LFNs are looked up."
)
class Files(InventoryList):
    """``files`` and ``datasets/{name}/files``."""

    fields = FILES

    def listed(self, snapshot: Snapshot, asked: Asked, **variables: str) -> Listed:
        """The dataset's files, or all."""
        by_path = [one for one in asked.conditions if one.field.name == "lfn" and one.operator in ("in", "is")]
        if any(one.operator == "in" and any(map(is_glob, one.values)) for one in by_path) or not by_path:
            return rows_of(snapshot, "files", self.fields, asked, of_variable(snapshot, variables))
        called = _called(snapshot, by_path[0].values)
        if "name" in variables:
            asked = only(asked, self.fields["dataset"], variables["name"])
            of_variable(snapshot, variables)
        return of_frame(snapshot, called, asked, dict.fromkeys(TABLES["files"].key, int))


@documented("files", "One file", "The file of this LFN; slashes in it are written %2F.")
class OneFile(InventoryObject):
    """``files/{lfn}``."""

    fields = FILES

    def found(self, snapshot: Snapshot, asked: Asked, **variables: str) -> Listed:
        """The file."""
        found = _called(snapshot, (variables["lfn"],))
        return of_frame(snapshot, found, asked, dict.fromkeys(TABLES["files"].key, int))


def _called(snapshot: Snapshot, lfns: Sequence[str]) -> pl.DataFrame:
    return snapshot.files_called(pl.Series(lfns, dtype=pl.String)).sort(TABLES["files"].key)


@documented(
    "lfn2pfn", "Physical file names", "What LFNs are called at sites. Sites may be globs; sites and LFNs together make at most 10,000 names.",
    site="site, or a glob", lfn="logical file name", protocol="access protocol; without it the site's own",
)  # fmt: skip
class Paths(InventoryList):
    """``lfn2pfn``."""

    fields = {name: replace(field, filtered=False) for name, field in PATHS.items()}
    others = ("site", "lfn", "protocol")

    def listed(self, snapshot: Snapshot, asked: Asked, **variables: str) -> Listed:
        """A row for each site and LFN."""
        given = asked.others or {}
        for name in ("site", "lfn"):
            if not given.get(name):
                raise wrong(name, "missing: give one or several")
        sites = expand_sites(snapshot, given["site"])
        if len(sites) * len(given["lfn"]) > _MOST_PATHS:
            raise wrong(
                "lfn", f"{len(sites)} sites and {len(given['lfn'])} LFNs: more than {_MOST_PATHS} names; ask for fewer"
            )
        lfns = pl.Series(list(dict.fromkeys(given["lfn"])), dtype=pl.String)
        rows = pl.concat([_at_site(snapshot, site, lfns, asked.only("protocol") or "") for site in sites])
        return of_frame(snapshot, rows.sort("site", "lfn"), asked, {"site": str, "lfn": str})


def _at_site(snapshot: Snapshot, site: str, lfns: pl.Series, protocol: str) -> pl.DataFrame:
    try:
        found = site_pfns(snapshot, site, lfns, protocol)
    except PathError as error:
        raise wrong("lfn", str(error)) from None
    texts = pl.String()
    return pl.DataFrame(
        {"site": [site] * len(lfns), "protocol": [protocol] * len(lfns), "lfn": lfns, "pfn": found},
        schema={"site": texts, "protocol": texts, "lfn": texts, "pfn": texts},
    )
