"""``manage.py inventory status``: what the server leads with, and how far the followers are."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from typing import Any, TextIO

from inventory import client, followers, log
from inventory.errors import InventoryUnavailable

HELP = "Show version, log, followers' lag, number of rows, epoch and memory. Ends with status 1 when no server answers."


def add_arguments(parser: ArgumentParser) -> None:
    """Options of the subcommand."""
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: dict[str, Any], out: TextIO) -> None:
    """Print the status."""
    status = described()
    out.write(json.dumps(status, indent=2) if options["json"] else _text(status))
    if not status["running"]:
        sys.exit(1)


def described() -> dict[str, Any]:
    """The server's status with the log's from the database; without a server the latter only (``running`` is false)."""
    row = log.leadership()
    base = {"log_head": row.head, "epoch": row.epoch, "token": row.token}
    try:
        return {"running": True, **client.status(), **base}
    except InventoryUnavailable as error:
        lag = {"tables": row.head - followers.position()}
        return {"running": False, "why": str(error), "lag": lag, **base}


def _text(status: dict[str, Any]) -> str:
    if not status["running"]:
        return (f"not running: {status['why']}\nlog: {status['log_head']} records, epoch {status['epoch']}\n"
                f"tables: {status['lag']['tables']} records behind\n")  # fmt: skip
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(status["time"]))
    lag = ", ".join(f"{name} {'none yet' if behind is None else behind}" for name, behind in status["lag"].items())
    lines = [
        f"version   {status['version']} of {when}", f"log head  {status['log_head']}", f"epoch     {status['epoch']}",
        f"lag       {lag}", f"memory    {status['memory'] / 2**20:.0f} MiB",
        f"server    process {status['process']} on {status['host']} at {status['url']}, {status['running_seconds']} s",
        "rows",
    ]  # fmt: skip
    lines += [f"  {name:<17}{number:>12}" for name, number in status["counts"].items()]
    return "\n".join(lines) + "\n"
