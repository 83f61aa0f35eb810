"""``dynamo lock | unlock | locks``: keeping Detox off data, and with ``--application`` stopping applications."""

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


APPLICATION_LOCKS = (
    Column("Number", lambda row: row.id), Column("Application", lambda row: row.application),
    Column("State", lambda row: "holds" if row.holds else "waits"), Column("User", lambda row: row.user),
    Column("Service", lambda row: row.service), Column("Since", lambda row: row.locked_at), Column("Expires", lambda row: row.expires),
    Column("Note", lambda row: row.note),
)  # fmt: skip
Applications = Annotated[
    bool, typer.Option("--application", "-A", help="Locks that stop applications (else: that keep Detox off data).")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for function in (lock, unlock, locks):
        command(app, rich_help_panel="Locks")(function)


def lock(
    desk: Desk,
    items: Annotated[
        list[str], typer.Argument(metavar="ITEM...", help="Datasets (or globs), or `dataset#block`; or applications.")
    ],
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires",
            "-e",
            help="Until when: `2027-01-31`, `2027-01-31T12:00Z`, or `30 days`; applications need none.",
        ),
    ] = None,
    site: Annotated[
        list[str] | None, typer.Option("--site", "-s", help="Only at these sites (glob); repeat for more.")
    ] = None,
    group: Annotated[str, typer.Option("--group", "-g", help="Only what these groups own (glob).")] = "",
    comment: Annotated[str, typer.Option("--comment", "-m", help="What for.")] = "",
    application: Applications = False,
) -> None:
    """Keep Detox off data until the lock expires; or stop an application.

    Of several items and sites all locks are set, or none. Who asks for an application that somebody else has stopped waits in
    its queue.

    Examples:

        dynamo lock '/Some/*/AOD' --expires '30 days' --comment 'for the paper'
        dynamo lock --application detox --comment 'disks are exchanged' --expires '2 hours'
    """  # fmt: skip
    if application:
        if site or group:
            raise typer.BadParameter("applications are stopped everywhere", param_hint="--site, --group")
        made = (desk.dynamo.lock_application(name, note=comment, expires=expires) for name in items)
        desk.out.rows(made, APPLICATION_LOCKS, "nothing was locked")
        return
    if expires is None:
        raise typer.BadParameter("say until when the data are needed", param_hint="--expires")
    sites = site or []
    if len(items) == 1 and len(sites) <= 1:
        row = desk.dynamo.lock(items[0], expires, sites="".join(sites), groups=group, comment=comment)
        desk.out.one(row, LOCKS)
        return
    set_ones = desk.dynamo.lock_many(items, expires, sites=sites, groups=group, comment=comment)
    desk.out.rows(set_ones, LOCKS, "nothing was locked")


def unlock(
    desk: Desk,
    numbers: Annotated[list[int], typer.Argument(help="Numbers of locks, as `dynamo locks` shows them.")],
    application: Applications = False,
) -> None:
    """Release locks of your own, or give back applications.

    Examples:

        dynamo unlock 3 4
        dynamo unlock --application 2
    """
    if not application:
        desk.out.rows((desk.dynamo.unlock(number) for number in numbers), LOCKS, "no such lock")
        return
    for number in numbers:
        desk.dynamo.unlock_application(number)


def locks(
    desk: Desk,
    user: Annotated[list[str] | None, typer.Option(help="Of this user; repeat for more (none: everybody's).")] = None,
    item: Annotated[
        list[str] | None, typer.Option(help="Of this item, as it was locked, or application; repeat for more.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", "-a", help="Also those that are released or have expired.")] = False,
    application: Applications = False,
    limit: Limit = None,
) -> None:
    """List locks; of applications who holds them, and who waits.

    Examples:

        dynamo locks --user ann
        dynamo locks --all --json
        dynamo locks --application
    """
    if application:
        found = desk.dynamo.application_locks(user=user, application=item)
        desk.out.rows(found, APPLICATION_LOCKS, "no application is stopped")
        return
    desk.out.rows(desk.dynamo.locks(in_force=not every, user=user, item=item), LOCKS, "no locks")
