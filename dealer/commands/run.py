"""``manage.py dealer run [PARTITION]``: one cycle."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any, TextIO

from django.core.management.base import CommandError

from dealer.cycle import Options, dealer_settings, run_cycle, try_cycle
from dealer.models import CycleState
from dealer.report import as_dict, as_text
from inventory.subcommands import login_name

HELP = "run a cycle of a partition; --test decides and shows, and changes nothing"


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of this subcommand."""
    parser.add_argument("partition", nargs="?", metavar="PARTITION", help="default: the first of the settings")
    parser.add_argument("--test", action="store_true", help="only decide and show; nothing is changed")
    parser.add_argument("--seed", type=int, help="make the random choices of this seed; default: a new one, recorded")
    parser.add_argument(
        "--wait", type=float, metavar="SECONDS", help="give up when the turn to write does not come in time"
    )
    parser.add_argument("--comment", default="", help="kept with the cycle")
    parser.add_argument("--author", default=login_name(), help="in whose name (default: %(default)s)")
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: TextIO) -> None:
    """Run the cycle and show what it did; ends with an error when it failed."""
    if options["seed"] is not None and not 0 <= options["seed"] < 2**63:
        raise CommandError(f"--seed {options['seed']}: a number from 0 to 2^63-1 is expected")
    partition = options["partition"] or next(iter(dealer_settings().partitions), None)
    if partition is None:
        raise CommandError("name a partition: the setting dealer.partitions lists none")
    chosen = Options(options["author"], options["seed"], options["wait"], options["comment"])
    cycle = try_cycle(partition, chosen) if options["test"] else run_cycle(partition, chosen)
    out.write(json.dumps(as_dict(cycle)) if options["json"] else as_text(cycle))
    if cycle.state == CycleState.FAILED:
        raise CommandError(f"{cycle} failed: {cycle.error}")
