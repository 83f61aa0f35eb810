"""From names to ids, and what names may look like."""

from __future__ import annotations

import polars as pl

from inventory.errors import Problem
from inventory.policy.errors import nearest
from inventory.resolve.workspace import Workspace
from inventory.schema import MAX_LFN, TABLES
from inventory.snapshot import split_lfn

LENGTHS = {name: table.longest["name"] for name, table in TABLES.items() if "name" in table.longest}
"""Longest names, in characters."""

_PARENTS = {"dataset": "datasets", "site": "sites", "group": "groups", "partition": "partitions"}
_SHOWN = 100
_CONTROL = r"[\x00-\x1f\x7f]"


def with_ids(space: Workspace, table: str, rows: pl.DataFrame, strict: bool = True) -> pl.DataFrame:
    """``rows`` with ids instead of names; rows with unknown names are left out and, if ``strict``, noted as mistakes.

    A null group stays null: it means the default.
    """
    for label, parent in _PARENTS.items():
        if label in rows.columns:
            key = f"{label}_id"
            others = space.frame(parent).select(key, pl.col("name").alias(label))
            rows = _joined(space, table, rows, others, [label], key, label, strict)
    if "block" in rows.columns:
        blocks = space.frame("blocks").select("dataset_id", "block_id", pl.col("name").alias("block"))
        rows = _joined(space, table, rows, blocks, ["dataset_id", "block"], "block_id", "block", strict)
    if "lfn" in rows.columns:
        rows = rows.with_columns(*split_lfn())
        if table == "replica_files":
            files = space.frame("files").select("block_id", "file_id", "directory", "base_name")
            rows = _joined(space, table, rows, files, ["block_id", "directory", "base_name"], "file_id", "lfn", strict)
    return rows


def _joined(
    space: Workspace, table: str, rows: pl.DataFrame, others: pl.DataFrame, on: list[str], key: str, label: str,
    strict: bool,
) -> pl.DataFrame:  # fmt: skip
    rows = rows.join(others, on=on, how="left", maintain_order="left")
    if not rows[key].null_count():
        return rows
    unknown = pl.col(key).is_null()
    if label == "group":
        unknown &= pl.col("group").is_not_null()
    if not rows.select(unknown.any()).item():
        return rows
    if strict:
        _note_unknown(space, table, rows.filter(unknown), label)
    return rows.filter(~unknown)


def _note_unknown(space: Workspace, table: str, rows: pl.DataFrame, label: str) -> None:
    # Names of datasets and files are too many to search for what was meant.
    known = space.frame(_PARENTS[label])["name"].to_list() if label in ("site", "group", "partition") else []
    named = pl.concat_str([label, "dataset"], separator="' of '") if label in ("block", "lfn") else pl.col(label)
    for name in rows.select(named.fill_null("(null)").unique(maintain_order=True)).to_series():
        shown = "file" if label == "lfn" else label
        space.problems.append(Problem(table, f"no {shown} '{name}'{nearest(name, known)}"))


def check_names(space: Workspace, table: str, names: pl.Series) -> None:
    """Note names that are empty, too long, or hold what names cannot."""
    column = pl.col("name")
    wrong = [
        (column.str.strip_chars().str.len_chars() == 0, "an empty name"),
        (column.str.len_chars() > LENGTHS[table], f"a name longer than {LENGTHS[table]} characters"),
        (column.str.contains(_CONTROL), "a name with control characters"),
        (column.str.starts_with(" ") | column.str.ends_with(" "), "a name that begins or ends with a blank"),
    ]
    if table == "datasets":
        wrong.append((column.str.contains("#", literal=True), "a name with '#', which begins the block's name"))
    _note(space, table, pl.DataFrame({"name": names}), "name", wrong)


def check_lfns(space: Workspace, lfns: pl.Series) -> None:
    """Note LFNs that are not absolute and plain."""
    lfn = pl.col("lfn")
    wrong = [
        (~lfn.str.starts_with("/"), "an LFN begins with '/'"),
        (lfn.str.contains("//", literal=True) | lfn.str.ends_with("/"), "an LFN with an empty part"),
        (lfn.str.contains(r"(^|/)\.\.?(/|$)"), "an LFN with a part '.' or '..'"),
        (lfn.str.contains(_CONTROL), "an LFN with control characters"),
        (lfn.str.len_chars() > MAX_LFN, f"an LFN longer than {MAX_LFN} characters"),
    ]
    _note(space, "files", pl.DataFrame({"lfn": lfns}), "lfn", wrong)


def _note(space: Workspace, table: str, rows: pl.DataFrame, column: str, wrong: list[tuple[pl.Expr, str]]) -> None:
    found = rows.select(condition.any().alias(str(place)) for place, (condition, _) in enumerate(wrong)).row(0)
    for (condition, what), any_row in zip(wrong, found, strict=True):
        for name in rows.filter(condition)[column] if any_row else ():
            space.problems.append(Problem(table, f"{name[:_SHOWN]!r}: {what}"))
