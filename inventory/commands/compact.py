"""``manage.py inventory compact``: give back the space of the log's old rows."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, TextIO

from django.conf import settings

from inventory import client, log
from inventory.errors import InventoryError, InventoryUnavailable
from inventory.history import compaction
from inventory.history.follower import dropped
from inventory.history.past import directory
from inventory.progress import bar, waiting
from inventory.settings import inventory_settings
from inventory.units import volume

HELP = (
    "Write a checkpoint and the history now, then drop from the log the rows of records that the tables, the checkpoint and the "
    "history have and that are older than --keep-days. Every version stays. Killed, it goes on the next time. The server does "
    "the same each hour."
)
_PATIENCE_SECONDS = 600.0
_LOOK_SECONDS = 0.2


def add_arguments(parser: ArgumentParser) -> None:
    """Options of the subcommand."""
    parser.add_argument(
        "--keep-days", type=float, metavar="N", help="keep rows that are younger (default: inventory.log_keep_days)"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: dict[str, Any], out: TextIO) -> None:
    """Have the followers catch up, drop, tell."""
    keep = inventory_settings().log_keep_days if options["keep_days"] is None else options["keep_days"]
    if not 0 <= keep < float("inf"):
        raise InventoryError(f"--keep-days {keep}: a number of days from 0 up is expected")
    why = _caught_up()
    before = dropped()
    found = compaction.limits(Path(settings.INVENTORY_CHECKPOINT_DIR), directory(), keep, int(time.time()))
    with bar("dropping rows from the log", max(1, found.last - before)) as step:
        size = compaction.drop(found.last, lambda sequence: step(sequence - before))
    told = {
        "dropped_until": dropped(), "records": dropped() - before, "bytes": size, "tables": found.tables,
        "checkpoint": found.checkpoint, "history": found.history, "old_enough": found.age, "server": why,
    }  # fmt: skip
    out.write(json.dumps(told, indent=2) if options["json"] else _told(told))


def _caught_up() -> str:
    """Wait until checkpoint and history are where the log is now; or why that cannot be."""
    head = log.leadership().head
    compaction.ask(head)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with waiting("waiting for checkpoint and history"):
        while time.monotonic() < deadline:
            try:
                status = client.status()
            except InventoryUnavailable:
                return "no server answers: what it wrote so far is what counts"
            lag = status.get("lag", {})
            if status.get("history_problem"):
                raise InventoryError(f"the history does not go on: {status['history_problem']}")
            if all(_is_there(lag.get(name), status["version"], head) for name in ("tables", "checkpoint", "history")):
                return ""
            time.sleep(_LOOK_SECONDS)
    return "the server did not write checkpoint and history in time: what it wrote so far is what counts"


def _is_there(behind: int | None, version: int, head: int) -> bool:
    return behind is not None and version - behind >= head


def _told(told: dict[str, Any]) -> str:
    lines = [told["server"]] if told["server"] else []
    lines.append(
        f"dropped the rows of {told['records']} records, {volume(told['bytes'])}; up to record {told['dropped_until']}"
    )
    followers = ", ".join(f"{name} {told[name]}" for name in ("tables", "checkpoint", "history"))
    lines.append(f"followers are at: {followers}; old enough are records up to {told['old_enough']}")
    return "\n".join(lines)
