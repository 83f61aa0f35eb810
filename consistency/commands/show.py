"""``manage.py consistency show CHECK``: one check with its lists."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any, TextIO

from django.core.management.base import CommandError

from consistency import history
from consistency.models import Check
from consistency.report import as_dict, as_text
from inventory.spreadsheets import written

HELP = "show one check; --list NAME prints one of its lists"


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of this subcommand."""
    parser.add_argument("check", type=int, metavar="CHECK")
    parser.add_argument("--list", choices=history.LISTS, help="print this list as tab-separated text")
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: TextIO) -> None:
    """The summary, or one list whole."""
    check = Check.objects.filter(pk=options["check"]).first()
    if check is None:
        raise CommandError(f"no check {options['check']}; `consistency runs` lists them")
    if not options["list"]:
        out.write(json.dumps(as_dict(check)) if options["json"] else as_text(check))
        return
    frame = history.read(check.pk, options["list"])
    if frame is None:
        raise CommandError(f"check {check.pk} ({check.state}) has no list {options['list']!r}")
    out.write(json.dumps(frame.to_dicts()) if options["json"] else written(frame, "\t"))
