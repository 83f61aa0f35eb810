"""``manage.py inventory status``: what the server leads with, and how far the followers are."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from typing import Any, TextIO

from django.db import DatabaseError

from inventory import client, database, followers, log
from inventory.errors import InventoryUnavailable
from inventory.history import asof
from inventory.history.follower import HistoryForeign, dropped
from inventory.history.segment import HistoryDamaged

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
    """The server's status with the log's from the database, or why that is not known (``database``); without a server
    the latter only (``running`` is false).
    """
    logged = _logged()
    try:
        return {"running": True, **client.status(), **{name: logged[name] for name in logged if name != "lag"}}
    except InventoryUnavailable as error:
        return {"running": False, "why": str(error), **logged}


def _logged() -> dict[str, Any]:
    """What the database tells."""
    try:
        row = log.leadership()
        lag = {"tables": row.head - followers.position()}
        return {"log_head": row.head, "epoch": row.epoch, "token": row.token, "lag": lag, **_retained()}
    except DatabaseError as error:
        return {"database": database.reason(error)}


def _retained() -> dict[str, Any]:
    """What of the past there is: from checkpoints and history of this machine, and from the log."""
    try:
        return {"log_dropped": dropped(), "retained": asof.described()}
    except (HistoryDamaged, HistoryForeign) as error:
        return {"log_dropped": dropped(), "retained": {"problem": str(error)}}


def _trouble(status: dict[str, Any]) -> list[str]:
    """Lines about parts of the server that do not work now, and about a database that does not answer here."""
    lines = [
        f"trouble   {part} since {_when(trouble['since'])}: {trouble['reason']}"
        for part, trouble in status.get("trouble", {}).items()
    ]
    if status.get("in_doubt"):
        lines.append("trouble   whether the last change is committed is not known yet; nothing is written until it is")
    return [*lines, f"database  {status['database']}"] if "database" in status else lines


def _past(status: dict[str, Any]) -> list[str]:
    """Lines about the past."""
    known = status.get("retained", {"problem": ""})
    problems = [*known.get("damaged", ()), *filter(None, (known.get("problem"), status.get("history_problem")))]
    lines = [f"history   {problem}" for problem in dict.fromkeys(problems)]
    if "problem" not in known:
        since = f" of {_when(known['since'])}" if known["since"] else ""
        lines.append(f"retained  versions {known['oldest']}{since} to {known['newest']}")
        size = f"{known['bytes'] / 2**20:.0f} MiB in {known['segments']} segments"
        lines.append(f"history   up to {known['archived']}, {size}; the log has no rows up to {status['log_dropped']}")
    return lines


def _when(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _text(status: dict[str, Any]) -> str:
    if not status["running"] and "database" in status:
        return f"not running: {status['why']}\ndatabase  {status['database']}\n"
    if not status["running"]:
        return (f"not running: {status['why']}\nlog: {status['log_head']} records, epoch {status['epoch']}\n"
                f"tables: {status['lag']['tables']} records behind\n")  # fmt: skip
    lag = ", ".join(f"{name} {'none yet' if behind is None else behind}" for name, behind in status["lag"].items())
    lines = [
        f"version   {status['version']} of {_when(status['time'])}", f"log head  {status['log_head']}", f"epoch     {status['epoch']}",
        f"lag       {lag}", f"memory    {status['memory'] / 2**20:.0f} MiB",
        f"server    process {status['process']} on {status['host']} at {status['url']}, {status['running_seconds']} s",
        *_trouble(status), *_past(status), "rows",
    ]  # fmt: skip
    lines += [f"  {name:<17}{number:>12}" for name, number in status["counts"].items()]
    return "\n".join(lines) + "\n"
