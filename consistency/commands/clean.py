"""``manage.py consistency clean SITE``: one cleaning of production's area and logs."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any, TextIO

from django.core.management.base import CommandError

from consistency.clean import clean_site
from consistency.models import CheckState
from consistency.report import as_dict, as_text
from inventory.subcommands import login_name

HELP = "delete old unprotected files of the site's unmerged and log directories"


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of this subcommand."""
    parser.add_argument("site", metavar="SITE")
    parser.add_argument("--dry-run", action="store_true", help="only tell what would go")
    parser.add_argument("--author", default=login_name(), help="in whose name (default: %(default)s)")
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: TextIO) -> None:
    """Clean the site; ends with an error when nothing is configured or the cleaning refused."""

    def progress(text: str) -> None:
        if not options["json"]:
            out.write(text)

    check = clean_site(options["site"], options["author"], progress, options["dry_run"])
    if check is None:
        raise CommandError(
            f"{options['site']} has no area to clean: set unmerged_directory or log_directories in its settings"
        )
    out.write(json.dumps(as_dict(check)) if options["json"] else as_text(check))
    if check.state == CheckState.FAILED:
        raise CommandError(f"cleaning {check.pk} of {check.site} refused: {check.error}")
