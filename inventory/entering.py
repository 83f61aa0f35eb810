"""What operators enter by hand or from small files, as rows of change sets; mistakes are told all at once, with their place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from inventory import paths
from inventory.changes import KEYS, NAMED
from inventory.errors import ChangeRefused, Problem
from inventory.policy.errors import nearest
from inventory.policy.parser import parse_partitions

SETTABLE = ("groups", "sites", "datasets")
TB = 10**12
_MAX_TB = 9_000_000.0
_RULE = "SITE PROTOCOL PATTERN TEMPLATE [CHAIN]"
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read_text(path: Path) -> str:
    """A small text file; raises ChangeRefused when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ChangeRefused([Problem(str(path), f"cannot be read: {error}")]) from error


def partition_rows(text: str, file: str) -> list[dict[str, str]]:
    """Rows (name, definition) of a file of partitions. Raises PolicyError."""
    return [
        {"name": name, "definition": f"[{', '.join(meaning)}]" if isinstance(meaning, tuple) else meaning.text}
        for name, meaning in parse_partitions(text, file).items()
    ]


def quota_bytes(text: str) -> int:
    """Bytes of a quota as people write it: TB, or ``none`` for no limit (-1). Raises ChangeRefused."""
    if text.strip().lower() == "none":
        return -1
    try:
        size = float(text)
    except ValueError:
        size = math.nan
    if not 0 <= size <= _MAX_TB:
        raise ChangeRefused([Problem("quota", f"{text!r} is neither TB (a number from 0 up) nor none (no limit)")])
    return round(size * TB)


def check_known(kind: str, given: Sequence[str], known: Sequence[str]) -> None:
    """Refuse names that the inventory does not have."""
    unknown = [name for name in dict.fromkeys(given) if name not in set(known)]
    if unknown:
        raise ChangeRefused([Problem(kind, f"there is no {name!r}{nearest(name, known)}") for name in unknown])


def check_new(kind: str, name: str, known: Sequence[str]) -> None:
    """Refuse a name that the inventory has already."""
    if name in known:
        raise ChangeRefused([Problem(kind, f"{name!r} is there already; without --new it is changed")])


def rule_rows(text: str, file: str) -> pl.DataFrame:
    """Rows of path_rules from lines ``SITE PROTOCOL PATTERN TEMPLATE [CHAIN]``; positions follow the lines' order."""
    rows: list[dict[str, Any]] = []
    mistakes: list[Problem] = []
    positions: dict[tuple[str, str], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) not in (4, 5):
            mistakes.append(Problem(f"{file}:{number}", f"has {len(words)} words; a rule is {_RULE}"))
            continue
        position = positions[words[0], words[1]] = positions.get((words[0], words[1]), 0) + 1
        chain = words[4] if len(words) > 4 else None
        names = ("site", "protocol", "lfn_pattern", "pfn_template")
        row: dict[str, Any] = dict(zip(names, words, strict=False)) | {"position": position, "chain": chain}
        mistakes += _rule_mistakes(row, f"{file}:{number}")
        rows.append(row)
    if mistakes:
        raise ChangeRefused(mistakes)
    return pl.DataFrame(rows, schema=NAMED["path_rules"])


def _rule_mistakes(row: dict[str, Any], place: str) -> list[Problem]:
    """What mapping by this rule alone would complain about, whatever the name."""
    rule = pl.DataFrame([row], schema=NAMED["path_rules"]).with_columns(site_id=pl.lit(1))
    site = {"site_id": 1, "name": row["site"], "backend": ""}
    try:
        paths.pfns(rule, site, pl.Series("lfn", [], pl.String), row["protocol"])
    except paths.PathError as error:
        return [Problem(place, str(error))]
    return []


def set_row(table: str, name: str, assignments: Sequence[str]) -> dict[str, Any]:
    """The row ``name`` with the values of ``column=value``; empty text is null. Raises ChangeRefused with every mistake."""
    row: dict[str, Any] = {KEYS[table][0]: name}
    mistakes: list[Problem] = []
    columns = [column for column in NAMED[table] if column not in KEYS[table]]
    for assignment in assignments:
        column, equals, text = assignment.partition("=")
        if not equals or column not in columns:
            what = f"{assignment!r} is not COLUMN=VALUE with one of {', '.join(columns)}{nearest(column, columns)}"
            mistakes.append(Problem(table, what))
            continue
        try:
            row[column] = _value(text, NAMED[table][column])
        except ValueError:
            mistakes.append(Problem(f"{table}.{column}", f"{text!r} is not {_expected(NAMED[table][column])}"))
    if mistakes:
        raise ChangeRefused(mistakes)
    return row


def _value(text: str, dtype: pl.DataType) -> Any:
    if isinstance(dtype, pl.Enum):
        return {known.lower(): known for known in dtype.categories}.get(text.lower()) or _refuse(text)
    if dtype == pl.Boolean:
        return _TRUTHS[text.lower()] if text.lower() in _TRUTHS else _refuse(text)
    if dtype.is_integer():
        return int(text)
    return float(text) if dtype.is_float() else text


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _expected(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Enum):
        return f"one of {', '.join(dtype.categories)}"
    return "true or false" if dtype == pl.Boolean else "a number"
