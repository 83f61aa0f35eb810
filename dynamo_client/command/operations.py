"""``dynamo transfers | rates | held | servers``: file operations under way and held, and the servers."""

from __future__ import annotations

from typing import Annotated

import typer

from dynamo_client.command.inventory import Limit, Sites
from dynamo_client.command.options import Desk, command
from dynamo_client.command.output import Column
from dynamo_client.command.text import Volume

_TRANSFERS = (
    Column("Number", lambda row: row.id), Column("State", lambda row: row.state), Column("From", lambda row: row.source),
    Column("To", lambda row: row.site), Column("Size", lambda row: Volume(row.size)), Column("LFN", lambda row: row.lfn),
    Column("Since", lambda row: row.created), Column("Message", lambda row: row.message),
)  # fmt: skip
_DELETIONS = tuple(
    Column("Site", column.value) if column.title == "To" else column for column in _TRANSFERS if column.title != "From"
)
_RATES = (
    Column("Time", lambda row: row.raw["time"]), Column("Of", lambda row: row.raw["entity"]), Column("Files", lambda row: row.raw["files"]),
    Column("Bytes", lambda row: Volume(row.raw["bytes"])), Column("Failed", lambda row: row.raw["failed"]),
)  # fmt: skip
_ENDED = ["done", "cancelled"]
_HELD = (*_TRANSFERS[:2], Column("Reason", lambda row: row.reason), *_TRANSFERS[2:])
_SERVERS = (
    Column("Part", lambda row: row.name), Column("Well", lambda row: row.ok), Column("Detail", lambda row: row.detail),
    Column("Facts", lambda row: row.facts),
)  # fmt: skip


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for function in (transfers, rates, held, servers):
        command(app, rich_help_panel="Operations")(function)


def transfers(
    desk: Desk,
    site: Sites = None,
    source: Annotated[list[str] | None, typer.Option(help="Only from this site; repeat for more.")] = None,
    state: Annotated[
        list[str] | None, typer.Option(help="Only in this state, e.g. `inbatch`; repeat for more.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", "-a", help="Also those that are done or cancelled.")] = False,
    deletions: Annotated[bool, typer.Option("--deletions", "-D", help="Deletions of files instead of copies.")] = False,
    limit: Limit = None,
) -> None:
    """List copies (or deletions) of files that wait, are under way or held, the newest first.

    Examples:

        dynamo transfers --site T2_US_MIT
        dynamo transfers --state held --deletions --json
    """
    chosen = {"state": state} if state or every else {"state__not": _ENDED}
    if deletions:
        desk.out.rows(desk.dynamo.deletions(site=site, **chosen), _DELETIONS, "no deletions")
        return
    desk.out.rows(desk.dynamo.transfers(site=site, source=source, **chosen), _TRANSFERS, "no transfers")


def rates(
    desk: Desk,
    since: Annotated[str | None, typer.Option(help="From then on, e.g. `2 days ago` (a day ago).")] = None,
    until: Annotated[str | None, typer.Option(help="Until then (now).")] = None,
    step: Annotated[str, typer.Option(help="For each `minute`, `hour` or `day`.")] = "hour",
    by: Annotated[str, typer.Option(help="For each `destination`, `source` or `link`.")] = "destination",
    deletions: Annotated[bool, typer.Option("--deletions", "-D", help="Deletions of files instead of copies.")] = False,
    limit: Limit = None,
) -> None:
    """Tell how many files and bytes were copied (or deleted) over time, and how many attempts failed.

    Example:

        dynamo rates --since '7 days ago' --step day --by link --csv
    """
    kind = "deletion" if deletions else "copy"
    desk.out.rows(
        desk.dynamo.rates(kind, since=since, until=until, step=step, by=by), _RATES, "nothing ended in that time"
    )


def held(
    desk: Desk,
    site: Sites = None,
    reason: Annotated[
        list[str] | None, typer.Option(help="Only for this reason, e.g. `no_source`; repeat for more.")
    ] = None,
    limit: Limit = None,
) -> None:
    """List file operations that are held until somebody decides, with the reason.

    Example:

        dynamo held --reason no_source
    """  # fmt: skip
    desk.out.rows(desk.dynamo.held(site=site, reason=reason), _HELD, "nothing is held")


def servers(desk: Desk) -> None:
    """List the parts of the installation: whether each is well, and what is wrong.

    Example:

        dynamo servers
    """
    desk.out.rows(desk.dynamo.servers(), _SERVERS, "no servers")
