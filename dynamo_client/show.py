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


def cycles(rows: Rows) -> str:
    """One line per cycle."""
    return "\n".join(_cycle(row) for row in rows) or "no cycles"


def _cycle(row: Mapping[str, Any]) -> str:
    time = datetime.fromtimestamp(row["timestamp"], UTC)
    partition = row.get("partition", row.get("partition_id", ""))
    return f"{row['cycle']}: {time:%Y-%m-%d %H:%M} UTC, partition {partition} {row.get('comment') or ''}".rstrip()
