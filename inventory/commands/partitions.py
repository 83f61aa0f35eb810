"""``manage.py inventory partitions FILE``: give the inventory the partitions of a file."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, TextIO

from inventory import client, entering
from inventory.changes import ChangeSet

HELP = (
    "Give the inventory the partitions of FILE (NAME: condition, or NAME: [A, B] for a union); without FILE, list them. "
    "Those that FILE does not name stay, unless --remove-others."
)


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of the subcommand."""
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE")
    parser.add_argument("--remove-others", action="store_true", help="remove what FILE does not name, with its quotas")
    parser.add_argument("--author", help="who the change is noted for (default: the login name)")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: dict[str, Any], out: TextIO) -> None:
    """Change what differs, and tell what."""
    known = dict(client.snapshot().frame("partitions").sort("name").select("name", "definition").iter_rows())
    if options["file"] is None:
        out.write(json.dumps(known, indent=2) if options["json"] else _listed(known))
        return
    rows = entering.partition_rows(entering.read_text(options["file"]), str(options["file"]))
    given = {row["name"]: row["definition"] for row in rows}
    changed = [row for row in rows if known.get(row["name"]) != row["definition"]]
    others = sorted(set(known) - set(given))
    entered = entering.changes(options["author"], "inventory partitions").put("partitions", changed)
    if options["remove_others"]:
        entered.delete("partitions", [{"name": name} for name in others])
    version = entering.commit(entered)
    told = {"version": version, "changed": [row["name"] for row in changed], "others": others}
    out.write(json.dumps(told, indent=2) if options["json"] else _told(entered, told, options["remove_others"]))


def _listed(known: dict[str, str]) -> str:
    return "\n".join(f"{name}: {definition}" for name, definition in known.items()) or "there are no partitions"


def _told(entered: ChangeSet, told: dict[str, Any], removed: bool) -> str:
    version = "nothing to change" if entered.is_empty() else f"version {told['version']}"
    lines = [f"changed: {', '.join(told['changed']) or 'none'}; {version}"]
    if told["others"]:
        lines.append(f"{'removed' if removed else 'not in the file, left as they are'}: {', '.join(told['others'])}")
    return "\n".join(lines)
