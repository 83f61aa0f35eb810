"""``manage.py consistency run SITE``: one check."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from typing import Any, TextIO

from django.core.management.base import CommandError

from consistency.check import check_site
from consistency.models import Check, CheckState
from consistency.report import as_dict, as_text
from consistency.sites import settings_of
from inventory.subcommands import login_name

HELP = "check one site; repairs what it finds unless --dry-run"


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of this subcommand."""
    parser.add_argument("site", metavar="SITE")
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be done")
    parser.add_argument(
        "--confirm", type=int, metavar="CHECK", help="allow as many missing and orphans as this earlier check found"
    )
    parser.add_argument("--author", default=login_name(), help="in whose name (default: %(default)s)")
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: TextIO) -> None:
    """Check the site; ends with an error when the check failed."""
    confirmed = _confirmed(options["confirm"], options["site"]) if options["confirm"] is not None else None

    def progress(text: str) -> None:
        if not options["json"]:
            out.write(text)

    check = check_site(options["site"], options["author"], progress, options["dry_run"], confirmed)
    out.write(json.dumps(as_dict(check)) if options["json"] else as_text(check))
    if check.state == CheckState.FAILED:
        raise CommandError(f"check {check.pk} of {check.site} failed: {check.error}")


def _confirmed(number: int, site: str) -> Check:
    check = Check.objects.filter(pk=number, site=site, kind="check", state=CheckState.DONE).first()
    if check is None:
        raise CommandError(f"no finished check {number} of {site}; `consistency runs --site {site}` lists them")
    days = settings_of(site).confirm_within
    if check.started < datetime.now(UTC) - timedelta(days=days):
        raise CommandError(f"check {number} is older than {days:g} days (confirm_within); look at a new one first")
    return check
