"""``manage.py inventory quota``: list quotas, or set those of one partition at some sites."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from fnmatch import fnmatchcase
from typing import Any, TextIO

from inventory import client, entering, turn
from inventory.partitions import occupancy
from inventory.snapshot import Snapshot
from inventory.units import volume

HELP = "Set the quota of PARTITION at SITE (a glob for many) to so many TB, or to none: no limit; without arguments, list all."


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of the subcommand."""
    parser.add_argument("site", nargs="?", metavar="SITE")
    parser.add_argument("partition", nargs="?", metavar="PARTITION")
    parser.add_argument("quota", nargs="?", metavar="TB|none")
    turn.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: dict[str, Any], out: TextIO) -> None:
    """Set, then list what was set."""
    snapshot = client.snapshot()
    sites, partitions = (snapshot.frame(table)["name"].to_list() for table in ("sites", "partitions"))
    chosen = sorted(name for name in sites if options["site"] is None or fnmatchcase(name, options["site"]))
    if options["site"] is not None and not chosen:
        entering.check_known("sites", [options["site"]], sites)
    if options["partition"] is not None:
        entering.check_known("partitions", [options["partition"]], partitions)
    if options["quota"] is not None:
        quota = entering.quota_bytes(options["quota"])
        rows = [{"site": site, "partition": options["partition"], "quota": quota} for site in chosen]
        given = {name: options[name] for name in ("site", "partition", "quota")}
        with turn.taken("inventory quota", options, **given) as run:
            run.commit(run.changes().put("quotas", rows))
        snapshot = client.snapshot()
    rows = _rows(snapshot, chosen, options["partition"])
    listed = "\n".join(_told(row) for row in rows) or "there are no quotas"
    out.write(json.dumps(rows, indent=2) if options["json"] else listed)


def _rows(snapshot: Snapshot, sites: list[str], partition: str | None) -> list[dict[str, Any]]:
    rows = occupancy(snapshot).sort("site", "partition").iter_rows(named=True)
    return [row for row in rows if row["site"] in set(sites) and partition in (None, row["partition"])]


def _told(row: dict[str, Any]) -> str:
    quota = "no limit" if row["quota"] < 0 else volume(row["quota"])
    return f"{row['site']} {row['partition']}: quota {quota}, present {volume(row['present'])}"
