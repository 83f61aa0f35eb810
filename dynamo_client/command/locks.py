"""``dynamo lock | unlock | locks``: keeping Detox off data."""

from __future__ import annotations

from typing import Annotated

import typer

from dynamo_client.command.inventory import Limit
from dynamo_client.command.options import Desk, command
from dynamo_client.command.output import Column

LOCKS = (
    Column("Number", lambda row: row.id), Column("Item", lambda row: row.item), Column("Sites", lambda row: row.sites),
    Column("Groups", lambda row: row.groups), Column("Expires", lambda row: row.expires), Column("User", lambda row: row.user),
    Column("Comment", lambda row: row.comment), Column("Unlocked", lambda row: row.unlocked),
)  # fmt: skip


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for function in (lock, unlock, locks):
        command(app, rich_help_panel="Locks")(function)


def lock(
    desk: Desk,
    item: Annotated[str, typer.Argument(help="Dataset (or glob), or `dataset#block`.")],
    expires: Annotated[
        str, typer.Option("--expires", "-e", help="Until when: `2027-01-31`, `2027-01-31T12:00Z`, or `30 days`.")
    ],
    site: Annotated[str, typer.Option("--site", "-s", help="Only at these sites (glob).")] = "",
    group: Annotated[str, typer.Option("--group", "-g", help="Only what these groups own (glob).")] = "",
    comment: Annotated[str, typer.Option("--comment", "-m", help="What for.")] = "",
) -> None:
    """Keep Detox off data until the lock expires.

    Example:

        dynamo lock '/Some/*/AOD' --expires '30 days' --comment 'for the paper'
    """  # fmt: skip
    row = desk.dynamo.lock(item, expires, sites=site, groups=group, comment=comment)
    desk.out.one(row, LOCKS)


def unlock(
    desk: Desk,
    numbers: Annotated[list[int], typer.Argument(help="Numbers of locks, as `dynamo locks` shows them.")],
) -> None:
    """Release locks of your own.

    Example:

        dynamo unlock 3 4
    """
    desk.out.rows((desk.dynamo.unlock(number) for number in numbers), LOCKS, "no such lock")


def locks(
    desk: Desk,
    user: Annotated[list[str] | None, typer.Option(help="Of this user; repeat for more (none: everybody's).")] = None,
    item: Annotated[list[str] | None, typer.Option(help="Of this item, as it was locked; repeat for more.")] = None,
    every: Annotated[bool, typer.Option("--all", "-a", help="Also those that are released or have expired.")] = False,
    limit: Limit = None,
) -> None:
    """List locks.

    Examples:

        dynamo locks --user ann
        dynamo locks --all --json
    """
    desk.out.rows(desk.dynamo.locks(in_force=not every, user=user, item=item), LOCKS, "no locks")
