"""Data of the server as text for people."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

Rows = Sequence[Mapping[str, Any]]


def out(text: str) -> None:
    """To standard output; a character that the terminal does not know is replaced."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), flush=True)


def counts(data: Mapping[str, int]) -> str:
    """One line per kind."""
    return "\n".join(f"{name}: {number}" for name, number in data.items())


def requests(rows: Rows) -> str:
    """One paragraph per request, with where each of its actions stands."""
    return "\n".join(map(_request, rows)) or "no such request"


def _request(row: Mapping[str, Any]) -> str:
    copies = {0: "everywhere"}.get(row.get("n", 1), f"{row.get('n')} copies") if "n" in row else "deletion"
    head = f"request {row['request_id']}: {row['status']}, by {row['user']}, {copies}"
    lines = [head + (f", for {row['group']}" if row.get("group") else "")]
    lines += [f"  why: {row['reason']}"] if row.get("reason") else []
    lines += [f"  item {item}" for item in row["item"]]
    lines += [f"  at {', '.join(row['site'])}"]
    actions = row.get("active", [])
    lines += [f"  {action['status']:9} {action['item']} at {action['site']}, {action['updated']}" for action in actions]
    return "\n".join(lines)


def locks(rows: Rows) -> str:
    """One line per lock."""
    return "\n".join(_lock(row) for row in rows) or "no locks"


def _lock(row: Mapping[str, Any]) -> str:
    end = f"released {row['unlocked']}" if "unlocked" in row else f"until {row['expires']}"
    where = [f"at {row['sites']}"] if "sites" in row else []
    where += [f"of {row['groups']}"] if "groups" in row else []
    comment = f" ({row['comment']})" if "comment" in row else ""
    return " ".join([f"{row['lockid']}: {row['item']}", *where, end, f"by {row['user']}{comment}"])


def cycles(found: Rows | Mapping[str, Any]) -> str:
    """One line per cycle, or one per site of a cycle."""
    if isinstance(found, Mapping):
        return _summary(found)
    return (
        "\n".join(_cycle(row["cycle"], row["timestamp"], row["partition"], row["comment"]) for row in found)
        or "no cycles"
    )


def _cycle(number: int, seconds: int, partition: str, comment: str | None) -> str:
    return f"{number}: {datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC, {partition} {comment or ''}".rstrip()


def _summary(found: Mapping[str, Any]) -> str:
    columns = ("quota", "protect", "keep", "delete")
    width = max(len(row["name"]) for row in found["site_data"])
    unit, factor = _unit(max(row[name] for row in found["site_data"] for name in columns))
    lines = [_cycle(found["cycle"], found["cycle_timestamp"], found["partition"], found["comment"])]
    lines += [f"{unit:{width}} " + " ".join(f"{name:>9}" for name in columns)]
    lines += [
        f"{row['name']:{width}} " + " ".join(f"{factor * row[name]:9.3f}" for name in columns)
        for row in found["site_data"]
    ]
    return "\n".join(lines)


def _unit(terabytes: float) -> tuple[str, float]:
    """The unit in which the largest of the numbers can be read, and how many of them are a TB."""
    units = {"TB": 1.0, "GB": 1e3, "MB": 1e6}
    return next(((name, factor) for name, factor in units.items() if terabytes * factor >= 1), ("TB", 1.0))
