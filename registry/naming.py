"""Names and globs that callers give, held against the inventory; unknown ones are refused by name."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from inventory.snapshot import Snapshot
from registry.errors import Refused

_GLOB = re.compile(r"[*?[]")
_PARTS = re.compile(r"\[!?[\w./+ -]+\]|.", re.DOTALL)
_WILD = {"*": ".*", "?": "."}
_AT_ONCE = 50  # patterns in one regular expression; more make it slow to build


def is_glob(text: str) -> bool:
    """Whether ``text`` is a pattern rather than a name."""
    return _GLOB.search(text) is not None


def matches(column: str, patterns: Sequence[str]) -> pl.Expr:
    """Whether ``column`` is one of the names, or matches one of the globs, in ``patterns``; case counts."""
    found = pl.col(column).is_in(list(patterns))
    globs = [regex(pattern) for pattern in patterns if is_glob(pattern)]
    for start in range(0, len(globs), _AT_ONCE):
        found |= pl.col(column).str.contains(f"(?s)^(?:{'|'.join(globs[start : start + _AT_ONCE])})$")
    return found


def regex(pattern: str) -> str:
    """The glob (``*``, ``?``, ``[abc]``, ``[!abc]``) as a regular expression, to be anchored; what is no glob is literal."""
    return "".join(_part(part) for part in _PARTS.findall(pattern))


def _part(part: str) -> str:
    if part in _WILD:
        return _WILD[part]
    if len(part) > 1:
        characters = f"[{'^' if part[1] == '!' else ''}{part[1:-1].removeprefix('!')}]"
        # A double - means something else to Polars' regular expressions; a range the wrong way round is an error.
        if "--" not in part and _compiles(characters):
            return characters
    return re.escape(part)


def _compiles(expression: str) -> bool:
    try:
        re.compile(expression)
    except re.error:
        return False
    return True


def expand_sites(snapshot: Snapshot, patterns: Sequence[str]) -> list[str]:
    """Names of the sites that the names and globs stand for, each once; Refused naming those that match none."""
    names = snapshot.frame("sites").select("name")
    found: dict[str, None] = {}
    unknown = []
    for pattern in patterns:
        matching = names.filter(matches("name", [pattern]))["name"].sort().to_list()
        found.update(dict.fromkeys(matching))
        if not matching:
            unknown.append(pattern)
    if unknown:
        raise Refused(f"site: unknown: {_some(unknown)}")
    return list(found)


def check_group(snapshot: Snapshot, group: str) -> str:
    """The group's name; Refused when there is none."""
    if snapshot.row("groups", group) is None:
        raise Refused(f"group: unknown: {group}")
    return group


def split_items(block: str = "block") -> tuple[pl.Expr, pl.Expr]:
    """Of the column ``item`` (datasets, or blocks as dataset#block): ``dataset``, and ``block`` (null: all of it)."""
    parts = pl.col("item").str.splitn("#", 2).struct
    return parts.field("field_0").alias("dataset"), parts.field("field_1").alias(block)


def unknown_items(snapshot: Snapshot, items: Sequence[str]) -> list[str]:
    """Those of ``items`` (datasets, or blocks as dataset#block) that the inventory does not have."""
    asked = pl.DataFrame({"item": list(items)}, schema={"item": pl.String})
    asked = asked.with_columns(split_items())
    names = asked["dataset"].unique().implode()
    datasets = (
        snapshot.table("datasets").filter(pl.col("name").is_in(names)).select("dataset_id", dataset="name").collect()
    )
    ids = datasets["dataset_id"].implode()
    blocks = (
        snapshot.table("blocks").filter(pl.col("dataset_id").is_in(ids)).select("dataset_id", block="name").collect()
    )
    blocks = blocks.join(datasets, on="dataset_id").select("dataset", "block")
    whole = asked.filter(pl.col("block").is_null()).join(datasets, on="dataset", how="anti")
    parts_missing = asked.filter(pl.col("block").is_not_null()).join(blocks, on=["dataset", "block"], how="anti")
    missing = set(whole["item"]) | set(parts_missing["item"])
    return [item for item in items if item in missing]


def check_items(snapshot: Snapshot, items: Sequence[str]) -> list[str]:
    """The items, each once; Refused naming those that the inventory does not have."""
    refuse_unknown(unknown_items(snapshot, items))
    return list(dict.fromkeys(items))


def refuse_unknown(items: Sequence[str]) -> None:
    """Raise Refused that names the items, unless there are none."""
    if items:
        raise Refused(f"item: unknown dataset or block: {_some(items)}")


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(name[:200] for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
