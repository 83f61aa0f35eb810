"""``dynamo whoami | token``: who one is."""

from __future__ import annotations

import socket
from datetime import datetime
from typing import Annotated

import typer

from dynamo_client.command.inventory import Limit
from dynamo_client.command.options import Desk, command
from dynamo_client.command.output import Column
from dynamo_client.credentials import forget_token, store_token

_CALLER = (
    Column("User", lambda row: row.user), Column("Service", lambda row: row.service), Column("Known by", lambda row: row.method), Column("Scopes", lambda row: row.scopes),
    Column("Rights", lambda row: ("everything",) if row.superuser else row.rights), Column("E-mail", lambda row: row.email),
    Column("DN", lambda row: row.dns),
)  # fmt: skip
_TOKENS = (
    Column("Number", lambda row: row.id), Column("Service", lambda row: row.service),
    Column("Scopes", lambda row: row.scopes), Column("Created", lambda row: row.created), Column("Expires", lambda row: row.expires),
    Column("Last used", lambda row: row.last_used), Column("Revoked", lambda row: row.revoked),
)  # fmt: skip


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, rich_help_panel="Identity")(whoami)
    group = typer.Typer(no_args_is_help=True, help="Log in, and manage your bearer tokens.")
    for function in (login, logout, create, revoke):
        command(group)(function)
    command(group, "list")(list_tokens)
    app.add_typer(group, name="token", rich_help_panel="Identity")


def whoami(desk: Desk) -> None:
    """Tell as whom the server knows you, by what, and with which rights.

    Example:

        dynamo whoami
    """
    desk.out.one(desk.dynamo.whoami(), _CALLER)


def login(
    desk: Desk,
    service: Annotated[str, typer.Option(help="What acts under your name with this token.")] = "",
    scope: Annotated[
        list[str] | None, typer.Option(help="Target that it may change; repeat for more (none: what you may).")
    ] = None,
) -> None:
    """Log in by a browser, here or on another device, and keep the token that you get.

    Example:

        dynamo token login
    """
    with desk.anonymous() as dynamo:
        begun = dynamo.begin_login(client=f"dynamo on {socket.gethostname()}", scopes=scope)
        minutes = begun.expires_in // 60
        desk.out.say(
            f"Open {begun.verification_uri} in a browser, and within {minutes} minutes enter the code {begun.user_code}"
        )
        token = dynamo.finish_login(begun, service=service)
        place = store_token(dynamo.configuration, token.secret)
    desk.out.say(f"You are logged in. The token is in {place}{_until(token.expires)}.")


def logout(desk: Desk) -> None:
    """Forget the token that `dynamo token login` has kept. It is worth something until it expires: `revoke` it, too.

    Example:

        dynamo token logout
    """
    place = forget_token(desk.dynamo.configuration)
    desk.out.say(f"{place} is removed" if place else "there was no token")


def create(
    desk: Desk,
    days: Annotated[float | None, typer.Option(help="Days until it ends (none: as the server has it).")] = None,
    service: Annotated[str, typer.Option(help="What acts under your name with it.")] = "",
    scope: Annotated[
        list[str] | None, typer.Option(help="Target that it may change; repeat for more (none: what you may).")
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="It may change nothing.")] = False,
) -> None:
    """Make a bearer token. Its secret is shown this once, on standard output.

    Example:

        dynamo token create --days 365 --service production > secret
    """
    made = desk.dynamo.create_token(days=days, service=service, scopes=[] if read_only else scope)
    if desk.out.form:
        desk.out.one(made, (*_TOKENS, Column("Secret", lambda row: row.secret)))
        return
    desk.out.say(f"token {made.id}{_until(made.expires)}; nobody can show it again:")
    desk.out.line(made.secret)


def revoke(
    desk: Desk, numbers: Annotated[list[int], typer.Argument(help="Numbers as `dynamo token list` shows them.")]
) -> None:
    """Make tokens worthless from now on.

    Example:

        dynamo token revoke 3
    """
    for number in numbers:
        desk.dynamo.revoke_token(number)
        desk.out.say(f"token {number} is revoked")


def list_tokens(desk: Desk, limit: Limit = None) -> None:
    """List your bearer tokens, without their secrets.

    Example:

        dynamo token list
    """
    desk.out.rows(desk.dynamo.tokens(), _TOKENS, "no tokens")


def _until(expires: datetime | None) -> str:
    return f", valid until {expires:%Y-%m-%d %H:%M} UTC" if expires else ", valid for ever"
