"""All commands together."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from dynamo_client.command import access, detox, inventory, locks, metadata, operations, requests, runs

EXIT_CODES = {
    0: "done",
    1: "the server refuses what was asked, and says why; nothing was changed",
    2: "wrong usage, or a configuration that cannot be used",
    3: "not known to the server, or without the right",
    4: "no connection, or what answers is no Dynamo",
    5: "the server cannot do it now, also after trying again, or failed",
    6: "what was waited for ended badly: a request rejected, a document refused, a run failed",
    130: "interrupted (Ctrl-C)",
}
"""What the command ends with, and what it means."""

app = typer.Typer(
    name="dynamo",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Ask Dynamo for data to be copied, deleted and kept, and see what it does.\n\n"
    "Where the server is comes from `--url`, `DYNAMO_URL` or `~/.config/dynamo/config.toml`; who you are from a bearer token "
    "(`dynamo token login`, `DYNAMO_TOKEN`, `~/.config/dynamo/token`) or an X.509 proxy.",
    epilog="Exit codes: " + "; ".join(f"{code} {meaning.split(':')[0].split(',')[0]}" for code, meaning in EXIT_CODES.items()) + ".",
)  # fmt: skip

for module in (inventory, requests, locks, detox, operations, runs, metadata, access):
    module.add_to(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dynamo {_version()}")
        raise typer.Exit


def _version() -> str:
    for name in ("dynamo-client", "dynamo-data-management"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "unknown"


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    try:
        code = app(arguments, prog_name="dynamo", standalone_mode=True)
    except SystemExit as end:
        code = end.code
    return code if isinstance(code, int) else 0 if code is None else 1
