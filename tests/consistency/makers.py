"""Tiny evidence for the comparison's tests: LFNs in, frames out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from consistency.compare import Evidence, Knowledge, Listing
from consistency.frames import DIRECTORIES, EXPECTED, LISTED, OPERATIONS, SUSPECTS, UNLISTED
from consistency.settings import DAY, ConsistencySettings

NOW = 1_750_000_000
OLD = NOW - 30 * DAY
SETTINGS = ConsistencySettings(directories=("/store/mc",), two_strikes=False)

DATASETS = {1: ("/P/E-v1/T", "VALID"), 2: ("/Q/E-v1/T", "PRODUCTION"), 3: ("/R/E-v1/T", "IGNORED")}
LFN = "/store/mc/E/P/T/v1/{}".format
"""A file of dataset 1 by the default pattern."""


def split(lfn: str) -> tuple[str, str]:
    directory, _, name = lfn.rpartition("/")
    return directory, name


def listed(files: Mapping[str, int | tuple[int, int]]) -> pl.DataFrame:
    """LISTED of {lfn: size} or {lfn: (size, mtime)}."""
    rows = [(*split(lfn), *(value if isinstance(value, tuple) else (value, OLD))) for lfn, value in files.items()]
    return pl.DataFrame(rows, schema=LISTED, orient="row")


def expected(files: Mapping[str, int | tuple[int, int]]) -> pl.DataFrame:
    """EXPECTED of {lfn: size} (dataset and block 1) or {lfn: (size, dataset and block)}."""
    rows = []
    for number, (lfn, value) in enumerate(files.items()):
        size, dataset = value if isinstance(value, tuple) else (value, 1)
        rows.append((*split(lfn), size, None, dataset, dataset, number))
    return pl.DataFrame(rows, schema=EXPECTED, orient="row")


def operations(rows: Mapping[str, str]) -> pl.DataFrame:
    return pl.DataFrame([(*split(lfn), name) for lfn, name in rows.items()], schema=OPERATIONS, orient="row")


def directories(rows: Mapping[str, tuple[int, int, int]]) -> pl.DataFrame:
    """DIRECTORIES of {directory: (mtime, files, directories)}."""
    return pl.DataFrame([(name, *values) for name, values in rows.items()], schema=DIRECTORIES, orient="row")


def unlisted(*names: str) -> pl.DataFrame:
    return pl.DataFrame([(name, "timed out") for name in names], schema=UNLISTED, orient="row")


def suspects(*lfns: str) -> pl.DataFrame:
    return pl.DataFrame([split(lfn) for lfn in lfns], schema=SUSPECTS, orient="row")


def knowledge(
    files: Mapping[str, int | tuple[int, int]],
    open_operations: Mapping[str, str] | None = None,
    blocks: Iterable[int] | None = None,
    datasets: Iterable[int] | None = None,
    requested: Iterable[str] = (),
    protected: Iterable[str] = (),
) -> Knowledge:
    """What Dynamo knew; without ``blocks`` and ``datasets`` those of the files."""
    frame = expected(files)
    of_files = frame["dataset_id"].unique().to_list()
    return Knowledge(
        expected=frame,
        operations=operations(open_operations or {}),
        blocks=pl.DataFrame({"block_id": list(of_files if blocks is None else blocks)}, schema={"block_id": pl.UInt32}),
        datasets=pl.DataFrame(
            {"dataset_id": list(of_files if datasets is None else datasets)}, schema={"dataset_id": pl.UInt32}
        ),
        requested=pl.DataFrame({"dataset": list(requested)}, schema={"dataset": pl.String}),
        protected=frozenset(protected),
    )


def evidence(
    on_disk: Mapping[str, int | tuple[int, int]],
    before: Knowledge,
    after: Knowledge | None = None,
    catalogue: Mapping[str, int | tuple[int, int]] | None = None,
    not_listed: Iterable[str] = (),
    tree: Mapping[str, tuple[int, int, int]] | None = None,
    previous: pl.DataFrame | None = None,
) -> Evidence:
    names = [(number, *rest) for number, rest in DATASETS.items()]
    schema = {"dataset_id": pl.UInt32, "dataset": pl.String, "status": pl.String}
    return Evidence(
        listing=Listing(listed(on_disk), directories(tree or {}), unlisted(*not_listed), NOW),
        before=before,
        after=after or before,
        catalogue=expected(catalogue or {}).lazy().select("directory", "base_name", "dataset_id", "block_id"),
        names=pl.DataFrame(names, schema=schema, orient="row"),
        previous=previous,
    )


def lfns(frame: pl.DataFrame) -> set[str]:
    return {f"{row['directory']}/{row['base_name']}" for row in frame.iter_rows(named=True)}


def reasons(frame: pl.DataFrame) -> dict[str, str]:
    """{lfn: reason} of a SPARED frame; directories without a name."""
    return {f"{row['directory']}/{row['base_name']}".rstrip("/"): row["reason"] for row in frame.iter_rows(named=True)}
