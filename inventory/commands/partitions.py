"""``manage.py inventory partitions FILE``: give the inventory the partitions of a file."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, TextIO

from inventory import client, entering, turn
from inventory.snapshot import Snapshot
from inventory.turn import Turn

HELP = (
    "Give the inventory the partitions of FILE (NAME: condition, or NAME: [A, B] for a union); without FILE, list them. "
    "Those that FILE does not name stay, unless --remove-others."
)


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of the subcommand."""
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE")
    parser.add_argument("--remove-others", action="store_true", help="remove what FILE does not name, with its quotas")
    turn.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: dict[str, Any], out: TextIO) -> None:
    """Change what differs, and tell what."""
    if options["file"] is None:
        known = _definitions(client.snapshot())
        out.write(json.dumps(known, indent=2) if options["json"] else _listed(known))
        return
    rows = entering.partition_rows(entering.read_text(options["file"]), str(options["file"]))
    arguments = {"file": str(options["file"]), "remove_others": options["remove_others"]}
    with turn.taken("inventory partitions", options, **arguments) as run:
        told = _changed(run, rows, options["remove_others"])
    out.write(json.dumps(told, indent=2) if options["json"] else _told(told, options["remove_others"]))


def _definitions(snapshot: Snapshot) -> dict[str, str]:
    return dict(snapshot.frame("partitions").sort("name").select("name", "definition").iter_rows())


def _changed(run: Turn, rows: list[dict[str, str]], remove_others: bool) -> dict[str, Any]:
    known = _definitions(run.snapshot())
    given = {row["name"]: row["definition"] for row in rows}
    changed = [row for row in rows if known.get(row["name"]) != row["definition"]]
    others = sorted(set(known) - set(given))
    entered = run.changes().put("partitions", changed)
    if remove_others:
        entered.delete("partitions", [{"name": name} for name in others])
    version = None if entered.is_empty() else run.commit(entered).version
    return {"version": version, "changed": [row["name"] for row in changed], "others": others}


def _listed(known: dict[str, str]) -> str:
    return "\n".join(f"{name}: {definition}" for name, definition in known.items()) or "there are no partitions"


def _told(told: dict[str, Any], removed: bool) -> str:
    version = "nothing to change" if told["version"] is None else f"version {told['version']}"
    lines = [f"changed: {', '.join(told['changed']) or 'none'}; {version}"]
    if told["others"]:
        lines.append(f"{'removed' if removed else 'not in the file, left as they are'}: {', '.join(told['others'])}")
    return "\n".join(lines)
