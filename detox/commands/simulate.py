"""``detox simulate``: a cycle on exported tables, by the same engine, without database or server; nothing is changed anywhere."""

from __future__ import annotations

import gzip
import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, OutputWrapper

from detox.decisions import Decisions
from detox.engine import decide
from detox.report import site_lines
from detox.settings import DetoxSettings, SettingsError
from inventory.policy.facts import Facts
from inventory.policy.parser import parse_partitions, parse_policy
from inventory.policy.times import parse_time
from inventory.tables_tsv import read_tables

HELP = "Decide a cycle on exported tables; needs no database and no server, and changes nothing."


def add_arguments(parser: ArgumentParser) -> None:
    """What to decide on, and where the lists go."""
    parser.add_argument("--inventory", required=True, metavar="DIR", help="directory or tar archive of TSV tables")
    parser.add_argument("--partitions", required=True, metavar="FILE", help="partition definitions")
    parser.add_argument("--policy", required=True, metavar="FILE", help="policy file")
    parser.add_argument("--now", metavar="T", help="Unix seconds, or a time as in policies (default: the current time)")
    parser.add_argument("--output", metavar="OUT.json", help="write the lists there; compressed when it ends with .gz")
    parser.add_argument("--json", action="store_true", help="print the lists as JSON instead of a table of sites")
    parser.add_argument(
        "--deletion-per-iteration", type=float, default=DetoxSettings().deletion_per_iteration, metavar="PART",
        help="part of a site's quota after which a pass turns to the next site (default: %(default)s)",
    )  # fmt: skip


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """Read, decide, and write or print the lists."""
    policy = parse_policy(_text(options["policy"]), options["policy"])
    partitions = parse_partitions(_text(options["partitions"]), options["partitions"])
    settings, now = _settings(options), _now(options["now"])
    tables = read_tables(options["inventory"], options["partitions"])
    facts = Facts.with_locks(tables.locks)
    decisions = decide(tables.snapshot(now), policy, partitions, facts, settings, now)
    if options["output"]:
        _write(Path(options["output"]), decisions)
    out.write(_as_json(decisions) if options["json"] else _as_table(decisions))


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from error


def _settings(options: dict[str, Any]) -> DetoxSettings:
    try:
        return DetoxSettings(deletion_per_iteration=options["deletion_per_iteration"])
    except SettingsError as error:
        raise CommandError(str(error)) from error


def _now(text: str | None) -> int:
    current = int(time.time())
    if text is None:
        return current
    return int(text) if text.isascii() and text.isdigit() and len(text) > 8 else parse_time(text, current)


def _as_json(decisions: Decisions) -> str:
    return json.dumps(decisions.summary(), indent=0, ensure_ascii=False)


def _write(path: Path, decisions: Decisions) -> None:
    data = _as_json(decisions).encode()
    try:
        path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error}") from error


def _as_table(decisions: Decisions) -> str:
    """Target sites with their volumes, and why."""
    lines = site_lines(decisions.sites.to_dicts())
    total = decisions.summary()
    counts = ", ".join(f"{len(total[name])} {name}" for name in ("deleted", "kept", "protected", "reowned"))
    return "\n".join([*lines, f"{counts} in {decisions.passes} passes"])
