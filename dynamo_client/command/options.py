"""What every command has: where the server is, as whom, how to show; and how errors end it."""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from dynamo_client.command.output import Output
from dynamo_client.configuration import Settings, token_file
from dynamo_client.credentials import in_the_clear, others_can_read
from dynamo_client.dynamo import Dynamo
from dynamo_client.errors import DynamoError

INTERRUPTED = 130
_EXAMPLES = re.compile(r"\n\n(Examples?:)\n\n")
_OUTPUT, _SERVER = "Output", "Server and identity"


def words(*known: str) -> Callable[[str], list[str]]:
    """What the shell completes an argument to."""
    # Typer passes what is there so far by this name.
    return lambda incomplete: [word for word in known if word.startswith(incomplete)]


class Desk:
    """What a command works with: the client (made when first needed) and the output."""

    def __init__(self, output: Output, url: str | None, settings: Settings) -> None:
        self.out = output
        self._url, self._settings = url, settings

    @cached_property
    def dynamo(self) -> Dynamo:
        """The client, as configured."""
        client = Dynamo(self._url, told=self._wait, **self._settings)
        place = token_file(client.configuration)
        if client.configuration.token is None and others_can_read(place):
            self.out.say(f"warning: others can read your token in {place}; chmod 600 it")
        if in_the_clear(client.configuration):
            self.out.say(f"warning: your token goes to {client.url} not encrypted; use https")
        return client

    def anonymous(self) -> Dynamo:
        """A client of the same server that says nothing of who one is."""
        settings: Settings = {**self._settings, "token": ""}
        return Dynamo(self._url, told=self._wait, **settings)

    def close(self) -> None:
        """Close the client's connections."""
        if "dynamo" in self.__dict__:
            self.dynamo.close()

    def _wait(self, why: str, seconds: float) -> None:
        self.out.say(f"{why.splitlines()[0]}; trying again in {seconds:.0f} s")


Url = Annotated[
    str | None, typer.Option(help="Address of the server (also: DYNAMO_URL, config.toml).", rich_help_panel=_SERVER)
]
Profile = Annotated[
    str | None, typer.Option(help="Which profile of config.toml (also: DYNAMO_PROFILE).", rich_help_panel=_SERVER)
]
TokenFile = Annotated[
    str | None, typer.Option(help="File with your bearer token (also: DYNAMO_TOKEN_FILE).", rich_help_panel=_SERVER)
]
Certificate = Annotated[
    str | None,
    typer.Option("--certificate", "--cert", help="X.509 certificate or proxy (also: X509_USER_PROXY).", rich_help_panel=_SERVER),
]  # fmt: skip
Key = Annotated[
    str | None,
    typer.Option(help="Key of the certificate, when it is in another file (also: X509_USER_KEY).", rich_help_panel=_SERVER),
]  # fmt: skip
Authorities = Annotated[
    str | None,
    typer.Option(help="Authorities to believe, a file or directory (also: X509_CERT_DIR).", rich_help_panel=_SERVER),
]
Timeout = Annotated[float | None, typer.Option(help="Seconds that one call may take (60).", rich_help_panel=_SERVER)]
Patience = Annotated[
    float | None, typer.Option(help="Seconds to try again while the server is busy (60).", rich_help_panel=_SERVER)
]
Json = Annotated[bool, typer.Option("--json", help="Show what the server said as JSON.", rich_help_panel=_OUTPUT)]
Csv = Annotated[bool, typer.Option("--csv", help="Show as CSV, safe for spreadsheets.", rich_help_panel=_OUTPUT)]


def common(
    *,
    url: Url = None,
    profile: Profile = None,
    token_file: TokenFile = None,
    certificate: Certificate = None,
    key: Key = None,
    authorities: Authorities = None,
    timeout: Timeout = None,
    patience: Patience = None,
    json: Json = False,
    csv: Csv = False,
) -> tuple[str, str | None, Settings]:
    """The options of all commands: form of the output, address, settings of the client."""
    if json and csv:
        raise typer.BadParameter("choose one of --json and --csv")
    settings: Settings = {
        "profile": profile, "token_file": token_file, "certificate": certificate, "key": key,
        "authorities": authorities, "timeout": timeout, "patience": patience,
    }  # fmt: skip
    return "json" if json else "csv" if csv else "", url, settings


def command(
    app: typer.Typer, name: str | None = None, **more: Any
) -> Callable[[Callable[..., int | None]], Callable[..., int | None]]:
    """Make the function a command: what it takes after the desk are its own arguments, the common options come to them.

    Its docstring is the help. What it returns (None: 0) is the exit code.
    """

    def made(function: Callable[..., int | None]) -> Callable[..., int | None]:
        own = _parameters(function)[1:]
        shared = _parameters(common)

        def run(**values: Any) -> None:
            form, url, settings = common(**{one.name: values.pop(one.name) for one in shared})
            desk = Desk(Output(form, values.pop("limit", None)), url, settings)
            raise typer.Exit(_ended(lambda: function(desk, **values), desk))

        keywords = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in [*own, *shared]]
        run.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in keywords}
        run.__name__ = function.__name__
        app.command(name, help=_help(function.__doc__ or ""), **more)(run)
        return function

    return made


def _help(text: str) -> str:
    """A docstring as help: its examples as a block, so that their lines stay."""
    says, title, examples = re.split(_EXAMPLES, inspect.cleandoc(text), maxsplit=1)
    return f"{says}\n\n{title}\n\n```text\n{inspect.cleandoc(examples)}\n```"


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(function, include_extras=True)
    return [one.replace(annotation=hints[one.name]) for one in inspect.signature(function).parameters.values()]


def _ended(work: Callable[[], int | None], desk: Desk) -> int:
    try:
        code = work() or 0
        sys.stdout.flush()
        return code
    except DynamoError as error:
        desk.out.say(f"dynamo: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Nobody reads any more: that is no error. Python would complain at its exit when it flushes what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    finally:
        desk.close()


def existing(file: str) -> Path | None:
    """The file that an argument names; None: standard input (``-``)."""
    return None if file == "-" else Path(file)
