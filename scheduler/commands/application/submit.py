"""Submit a program."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper

from inventory.subcommands import login_name
from scheduler import applications
from scheduler.commands.application import common
from scheduler.models import Level, State
from scheduler.sequencing.words import ArgumentsWrong, words
from scheduler.settings import scheduler_settings

HELP = "queue a program of yours: a file from here, or with --path one of an allowed directory"


def add_arguments(parser: CommandParser) -> None:
    """The program, its level, limit and arguments."""
    parser.add_argument("file", nargs="?", help="file to upload (- is standard input)")
    parser.add_argument("--path", default="", help="path of a registered program on the workers instead of FILE")
    parser.add_argument("--user", help="whose program it is (default: the login name)")
    parser.add_argument("--title", default="", help="name in lists (default: that of the file)")
    parser.add_argument("--level", choices=Level.values, default=Level.READ.value, help="what it may do (%(default)s)")
    parser.add_argument("--limit", type=float, metavar="SECONDS", help="it is ended after this long")
    parser.add_argument("--follow", action="store_true", help="show its log until it ends; status 1 unless it is done")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--arguments", default="", metavar="TEXT", help="words as a shell takes them apart; no shell sees them"
    )


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """Queue it, and follow it if asked."""
    file = options["file"]
    row = applications.submit(
        options["user"] or login_name(), content=None if file is None else _content(file), path=options["path"],
        title=options["title"] or (Path(file).name if file else ""), arguments=_words(options["arguments"]), level=options["level"],
        limit=options["limit"],
    )  # fmt: skip
    if options["json"]:
        out.write(json.dumps(common.as_json(row)))
    elif not options["follow"]:
        out.write(f"application {row.pk} is queued; follow it with: manage.py application log --follow {row.pk}")
    if options["follow"]:
        ended = common.follow(row, out)
        if ended.state != State.DONE:
            raise CommandError(f"application {row.pk} {ended.state}: {ended.error}")


def _words(text: str) -> list[str]:
    try:
        return words(text)
    except ArgumentsWrong as error:
        raise CommandError(f"--arguments: {error}") from error


def _content(file: str) -> bytes:
    # One byte more than is allowed tells that it is too much.
    most = scheduler_settings().program_bytes + 1
    if file == "-":
        return sys.stdin.buffer.read(most)
    try:
        with Path(file).open("rb") as stream:
            return stream.read(most)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}") from error
