"""``dynamo run | runs``: users' own programs, and all runs over the inventory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from dynamo_client.command.inventory import Newest
from dynamo_client.command.options import INTERRUPTED, Desk, command, words
from dynamo_client.command.output import Column
from dynamo_client.command.text import harmless
from dynamo_client.errors import DynamoError, EndedBadly
from dynamo_client.records import Application

_RUNS = (
    Column("Number", lambda row: row.id), Column("Application", lambda row: row.application), Column("State", lambda row: row.state),
    Column("Author", lambda row: row.author), Column("Writes", lambda row: row.writes), Column("Queued", lambda row: row.queued_at),
    Column("Started", lambda row: row.started_at), Column("Ended", lambda row: row.ended_at), Column("Error", lambda row: row.error),
)  # fmt: skip
_PROGRAMS = (
    Column("Number", lambda row: row.id), Column("Title", lambda row: row.title), Column("State", lambda row: row.state),
    Column("Author", lambda row: row.author), Column("Level", lambda row: row.level), Column("Queued", lambda row: row.queued_at),
    Column("Started", lambda row: row.started_at), Column("Ended", lambda row: row.ended_at),
    Column("Exit code", lambda row: row.exit_code), Column("Error", lambda row: row.error),
)  # fmt: skip


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    command(
        app, rich_help_panel="Programs", context_settings={"allow_interspersed_args": False}
    )(run)  # fmt: skip
    command(app, rich_help_panel="Programs")(runs)


def run(
    desk: Desk,
    program: Annotated[str, typer.Argument(help="File with the program; with `--registered`: its path on the server.")],
    arguments: Annotated[list[str] | None, typer.Argument(help="Its arguments.")] = None,
    title: Annotated[str | None, typer.Option(help="What it is called (none: as its file).")] = None,
    level: Annotated[
        str,
        typer.Option(
            help="What it may: `read`, `rights` (ask in your name), `write`.",
            autocompletion=words("read", "rights", "write"),
        ),
    ] = "read",
    time_limit: Annotated[float | None, typer.Option("--time-limit", help="Seconds it may take.")] = None,
    registered: Annotated[bool, typer.Option("--registered", help="The program is on the server already.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show what it writes, and wait until it has ended.")
    ] = False,
) -> int:
    """Run a program of your own on the server. Options of this command stand before the program.

    With `--follow` this ends with 6 when the program fails; Ctrl-C ends the following, not the program.

    Examples:

        dynamo run --follow count.py deep
        dynamo run --level write --title cleanup cleanup.py
    """  # fmt: skip
    content = None if registered else _content(Path(program))
    made = desk.dynamo.run(
        title=title or Path(program).name, content=content, path=program if registered else None, arguments=arguments or [],
        level=level, limit=time_limit,
    )  # fmt: skip
    if not follow:
        desk.out.one(made, _PROGRAMS)
        return 0
    desk.out.say(f"{made.title} has number {made.id}")
    return _follow(desk, made.id)


def runs(
    desk: Desk,
    number: Annotated[int | None, typer.Argument(help="Show this one.")] = None,
    programs: Annotated[
        bool, typer.Option("--programs", "-p", help="Users' programs, as `dynamo run` numbers them.")
    ] = False,
    state: Annotated[list[str] | None, typer.Option(help="Only in this state; repeat for more.")] = None,
    author: Annotated[list[str] | None, typer.Option(help="Only of this author; repeat for more.")] = None,
    application: Annotated[list[str] | None, typer.Option(help="Only of this application; repeat for more.")] = None,
    log: Annotated[bool, typer.Option("--log", "-l", help="Show what it wrote.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show what a program writes until it has ended.")
    ] = False,
    kill: Annotated[bool, typer.Option("--kill", help="End it.")] = False,
    limit: Newest = 20,
) -> int:
    """List runs, the newest first; or show, follow or end one.

    Examples:

        dynamo runs --state run
        dynamo runs 17 --log
        dynamo runs --programs 4 --kill
    """  # fmt: skip
    if number is None:
        if log or follow or kill:
            raise typer.BadParameter("say which run: its number is needed for --log, --follow and --kill")
        _list(desk, programs, state=state, author=author, application=application)
        return 0
    if kill:
        (desk.dynamo.kill_program if programs else desk.dynamo.kill)(number)
    if programs and follow:
        return _follow(desk, number)
    if log:
        return _log(desk, number, programs)
    row: Any = desk.dynamo.program(number) if programs else desk.dynamo.get_run(number)
    desk.out.one(row, _PROGRAMS if programs else _RUNS)
    return 0


def _list(desk: Desk, programs: bool, **filters: Any) -> None:
    if programs:
        filters["title"] = filters.pop("application")
        desk.out.rows(desk.dynamo.programs(**filters), _PROGRAMS, "no programs")
    else:
        desk.out.rows(desk.dynamo.runs(**filters), _RUNS, "no runs")


def _log(desk: Desk, number: int, programs: bool) -> int:
    if programs:
        for text in desk.dynamo.program_log(number):
            _write(desk, text)
        return 0
    for line in desk.dynamo.log(number):
        desk.out.line(f"{line.at:%Y-%m-%d %H:%M:%S} {harmless(line.text)}" if line.at else harmless(line.text))
    return 0


def _follow(desk: Desk, number: int) -> int:
    try:
        for text in desk.dynamo.program_log(number, follow=True):
            _write(desk, text)
    except KeyboardInterrupt:
        desk.out.say(f"it goes on; `dynamo runs --programs {number} --follow` follows it again, `--kill` ends it")
        return INTERRUPTED
    ended: Application = desk.dynamo.program(number)
    if ended.state != "done":
        code = "" if ended.exit_code is None else f" with exit code {ended.exit_code}"
        raise EndedBadly(f"{ended.title} ended as {ended.state}{code}{f': {ended.error}' if ended.error else ''}")
    return 0


def _write(desk: Desk, text: str) -> None:
    """What a program wrote: at a terminal without what could change what stands there."""
    if desk.out.terminal:
        text = "\n".join(harmless(line.replace("\t", "    ")) for line in text.split("\n"))
    sys.stdout.write(text)
    sys.stdout.flush()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DynamoError(f"{path}: {error.strerror}") from None
