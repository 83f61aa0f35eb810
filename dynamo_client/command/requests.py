"""``dynamo request copy | delete | list | show | cancel | watch``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dynamo_client.command.inventory import Limit
from dynamo_client.command.options import INTERRUPTED, Desk, command, words
from dynamo_client.command.output import Column
from dynamo_client.command.text import Volume
from dynamo_client.errors import DynamoError, EndedBadly
from dynamo_client.records import Answer, Request

Items = Annotated[list[str], typer.Argument(help="Datasets, or `dataset#block`; `-`: one a line from standard input.")]
Number = Annotated[int, typer.Argument(help="Number of the request.")]
Deletion = Annotated[bool, typer.Option("--deletion", "-D", help="A deletion request (else: a copy request).")]
Preview = Annotated[bool, typer.Option("--preview", help="Show what would be done, and ask nothing.")]

STATUSES = ("waiting", "new", "activated", "completed", "rejected", "cancelled")
REQUESTS = (
    Column("Number", lambda row: row.id), Column("Status", lambda row: row.status), Column("User", lambda row: row.user),
    Column("Items", lambda row: row.items), Column("Sites", lambda row: row.sites), Column("Group", lambda row: row.group),
    Column("Copies", lambda row: row.num_copies), Column("Asked", lambda row: row.first_asked),
    Column("Why", lambda row: row.reason),
)  # fmt: skip
_ACTIONS = (
    Column("Status", lambda row: row.status), Column("Item", lambda row: row.item), Column("Site", lambda row: row.site),
    Column("Updated", lambda row: row.updated), Column("Why", lambda row: row.reason),
)  # fmt: skip
_PARTS = (
    Column("Item", lambda row: row.raw.get("item")), Column("Site", lambda row: row.raw.get("site")),
    Column("Verdict", lambda row: row.raw.get("verdict")), Column("Size", lambda row: Volume(row.raw.get("size") or 0)),
    Column("Files", lambda row: row.raw.get("num_files")), Column("Detail", lambda row: row.raw.get("detail")),
)  # fmt: skip


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Ask for copies and deletions, and follow what becomes of it.")
    for function in (copy, delete, show, cancel, watch):
        command(group)(function)
    command(group, "list")(list_requests)
    app.add_typer(group, name="request", rich_help_panel="Requests")


def copy(
    desk: Desk,
    items: Items,
    site: Annotated[
        list[str] | None, typer.Option("--site", "-s", help="Where to (glob; none: the server's); repeat for more.")
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", "-g", help="Owner of the copies (none: the server's).")
    ] = None,
    copies: Annotated[
        int | None, typer.Option("--copies", "-n", min=0, help="How many (1; 0: one at every site).")
    ] = None,
    preview: Preview = False,
    wait: Annotated[bool, typer.Option("--watch", "-w", help="Follow the request until it has ended.")] = False,
) -> int:
    """Ask for copies of datasets or blocks. Asked again, an open request is found, not doubled.

    Examples:

        dynamo request copy /Some/Dataset-v1/AOD --site 'T2_*' --group AnalysisOps -n 2
        dynamo request copy /Some/Dataset-v1/AOD --site T2_US_MIT --preview
    """  # fmt: skip
    wish: dict[str, Any] = {"items": _items(items), "sites": site or (), "group": group, "copies": copies}
    if preview:
        return _previewed(desk, desk.dynamo.preview_copy(**wish))
    request = desk.dynamo.request_copy(**wish)
    return _follow(desk, request.id, "copy", 5.0) if wait else _shown(desk, request)


def delete(
    desk: Desk,
    items: Items,
    site: Annotated[list[str], typer.Option("--site", "-s", help="Where (glob); repeat for more.")],
    preview: Preview = False,
    wait: Annotated[bool, typer.Option("--watch", "-w", help="Follow the request until it has ended.")] = False,
) -> int:
    """Ask for the deletion of datasets or blocks at sites.

    Example:

        dynamo request delete '/Some/Dataset-v1/AOD#block' --site T2_US_MIT
    """
    named = _items(items)
    if preview:
        return _previewed(desk, desk.dynamo.preview_deletion(named, site))
    request = desk.dynamo.request_deletion(named, site)
    return _follow(desk, request.id, "deletion", 5.0) if wait else _shown(desk, request)


def list_requests(
    desk: Desk,
    status: Annotated[
        list[str] | None,
        typer.Option(
            help="`waiting`, `new`, `activated`, `completed`, `rejected`, `cancelled`; repeat for more.",
            autocompletion=words(*STATUSES),
        ),
    ] = None,
    user: Annotated[list[str] | None, typer.Option(help="Asked by this user; repeat for more.")] = None,
    item: Annotated[list[str] | None, typer.Option(help="Naming this dataset or block; repeat for more.")] = None,
    site: Annotated[list[str] | None, typer.Option("--site", "-s", help="At this site; repeat for more.")] = None,
    deletion: Annotated[
        bool, typer.Option("--deletion", "-D", help="Deletion requests (else: copy requests).")
    ] = False,
    limit: Limit = None,
) -> None:
    """List requests, the newest first.

    Example:

        dynamo request list --status new --status activated --user ann
    """  # fmt: skip
    found = desk.dynamo.requests(_kind(deletion), status=status, user=user, item=item, site=site)
    columns = [column for column in REQUESTS if not deletion or column.title not in ("Group", "Copies")]
    desk.out.rows(found, columns, "no such request")


def show(desk: Desk, number: Number, deletion: Deletion = False) -> int:
    """Show one request: what was asked, where it stands, and each of its actions.

    Example:

        dynamo request show 17
    """
    return _shown(desk, desk.dynamo.request(number, _kind(deletion)))


def cancel(desk: Desk, number: Number, deletion: Deletion = False) -> int:
    """Withdraw a request that is still new.

    Example:

        dynamo request cancel 17
    """
    return _shown(desk, desk.dynamo.cancel(number, _kind(deletion)))


def watch(
    desk: Desk,
    number: Number,
    deletion: Deletion = False,
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 5.0,
) -> int:
    """Follow a request until it has ended. Ctrl-C ends the watching, not the request.

    In a pipe, a line is written whenever something has changed. Ends with 6 when the request was rejected, cancelled, or some
    of its actions failed.

    Example:

        dynamo request watch 17 && echo 'the data are there'
    """
    return _follow(desk, number, _kind(deletion), interval)


def _kind(deletion: bool) -> str:
    return "deletion" if deletion else "copy"


def _items(items: list[str]) -> list[str]:
    found = [line.strip() for line in sys.stdin if line.strip()] if items == ["-"] else items
    if not found:
        raise DynamoError("no dataset is named")
    return found


def _shown(desk: Desk, request: Request) -> int:
    desk.out.one(request, REQUESTS)
    if request.actions and not desk.out.form:
        desk.out.rows(request.actions, _ACTIONS, "")
    return 0


def _previewed(desk: Desk, outlook: Answer) -> int:
    told = outlook.raw["outlook"]
    if not desk.out.form:
        desk.out.say(f"{told['verdict']} {told.get('refusal') or ''}".strip())
    desk.out.table_of(outlook, told.get("parts", []), "nothing would be done", _PARTS)
    return 0


def _follow(desk: Desk, number: int, kind: str, interval: float) -> int:
    states = desk.dynamo.watch_request(number, kind, interval=interval)
    try:
        last = _at_a_terminal(desk, states) if _is_live(desk) else _in_a_pipe(desk, states)
    except KeyboardInterrupt:
        option = " --deletion" if kind == "deletion" else ""
        desk.out.say(f"request {number} goes on; `dynamo request watch {number}{option}` follows it again")
        return INTERRUPTED
    failed = [action for action in last.actions if action.status == "failed"]
    if last.status != "completed" or failed:
        why = last.reason or ", ".join(f"{one.item} at {one.site} {one.reason}".strip() for one in failed)
        raise EndedBadly(f"request {number} was {last.status}{f': {why}' if why else ''}")
    return 0


def _is_live(desk: Desk) -> bool:
    return desk.out.terminal and desk.out.notes.is_terminal and not desk.out.form


def _at_a_terminal(desk: Desk, states: Iterable[Request]) -> Request:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=desk.out.notes, transient=True) as progress:
        task = progress.add_task("asking", total=None)
        for last in states:
            done, total = last.progress()
            progress.update(task, description=f"request {last.id}: {last.status}", completed=done, total=total or None)
    _shown(desk, last)
    return last


def _in_a_pipe(desk: Desk, states: Iterable[Request]) -> Request:
    for last in states:
        if desk.out.form == "json":
            desk.out.json_line(last.raw)
        else:
            done, total = last.progress()
            desk.out.line(f"{last.id}\t{last.status}\t{done}/{total}")
        sys.stdout.flush()
    return last
