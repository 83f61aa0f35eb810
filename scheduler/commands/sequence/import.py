"""Import a classic file."""  # noqa: N999 - named like its subcommand

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper

from inventory.subcommands import login_name
from scheduler import sequences
from scheduler.commands.application import common

HELP = "make the sequences of a classic file, stopped, or give those of the same names its steps; all or none"


def add_arguments(parser: CommandParser) -> None:
    """The file and whose they are."""
    parser.add_argument("file", help="file of sequences (- is standard input)")
    parser.add_argument("--user", help="in whose name their programs run (default: the login name)")
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """Import it and tell what there is now."""
    file = options["file"]
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}") from error
    names = sequences.import_text(text, common.user(options["user"] or login_name()), file)
    if options["json"]:
        out.write(json.dumps(names))
    else:
        out.write(f"imported, and stopped: {', '.join(names)}; start one with: manage.py sequence start NAME")
