"""``manage.py inventory verify``: whether image, tables and checkpoint are what the log says."""

from __future__ import annotations

import dataclasses
import json
import sys
from argparse import ArgumentParser
from typing import Any, TextIO

from django.conf import settings

from inventory.progress import waiting
from inventory.verify import verified

HELP = "Compare image, tables, checkpoint and history with the log, row by row. Ends with status 1 when they differ."


def add_arguments(parser: ArgumentParser) -> None:
    """Options of the subcommand."""
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: dict[str, Any], out: TextIO) -> None:
    """Print what differs."""
    with waiting("reading") as step:
        verdict = verified(settings.INVENTORY_CHECKPOINT_DIR, lambda text: step(text=text))
    if options["json"]:
        out.write(json.dumps(dataclasses.asdict(verdict), indent=2))
    else:
        lines = [f"{source} not compared: {why}" for source, why in verdict.skipped.items()]
        lines += [str(difference) for difference in verdict.differences]
        equal = "differ" if verdict.differences else "are equal"
        out.write("\n".join([*lines, f"version {verdict.version}: {', '.join(verdict.compared)} {equal}"]))
    if verdict.differences:
        sys.exit(1)
