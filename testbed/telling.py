"""How the story is told: lines for the reader, claims that are checked, commands and pages as an operator sees them."""

from __future__ import annotations

import html
import io
import re
import shlex
import time
from collections.abc import Callable, Iterable

import httpx
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import close_old_connections
from rich.console import Console

_PATIENCE_SECONDS = 180.0
_LOOK_SECONDS = 0.3


class ClaimFailed(RuntimeError):
    """What the demo claims is not so; the text says what was expected and what was found."""


class Teller:
    """Tells what happens as it happens; ``num_claims``: how many claims were checked and are so."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.num_claims = 0
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """The heading of a step."""
        self.console.print()
        self.console.rule(f"[bold]{text}[/]  [dim]{time.monotonic() - self._began:.0f} s", align="left")

    def tell(self, text: str) -> None:
        self.console.print(f"  {text}", markup=False, soft_wrap=True)

    def claim(self, so: bool, text: str) -> None:
        """Raises :class:`ClaimFailed` unless it is so."""
        if not so:
            raise ClaimFailed(f"it is not so that {text}")
        self.num_claims += 1
        self.console.print("  [green]✓[/] ", end="")
        self.console.print(text, markup=False, soft_wrap=True)

    def run(self, *arguments: str, shown: Callable[[list[str]], list[str]] = list, quiet: bool = False) -> str:
        """Run a management command as an operator would; what ``shown`` leaves of its lines is told."""
        if not quiet:
            self.console.print(f"  $ ./manage.py {shlex.join(arguments)}", markup=False, style="cyan", soft_wrap=True)
        out = io.StringIO()
        try:
            call_command(*arguments, stdout=out, stderr=out)
        except CommandError as error:
            if error.returncode == 130:
                raise KeyboardInterrupt from None
            raise ClaimFailed(f"`manage.py {shlex.join(arguments)}`: {error}\n{out.getvalue()}") from error
        except SystemExit as error:
            raise ClaimFailed(
                f"`manage.py {shlex.join(arguments)}` ended with {error.code}:\n{out.getvalue()}"
            ) from None
        for line in [] if quiet else shown(out.getvalue().splitlines()):
            self.console.print(f"    {line}", style="dim", markup=False, soft_wrap=True)
        return out.getvalue()

    def until(self, what: str, condition: Callable[[], bool], found: Callable[[], object]) -> None:
        """Wait until it is so, and tell; ``found`` says how things stand when it does not come to that."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise ClaimFailed(f"after {_PATIENCE_SECONDS:.0f} s it is not so that {what}; there is: {found()}")
            close_old_connections()
            time.sleep(_LOOK_SECONDS)
        self.tell(what)


class Browser:
    """A visitor of the web pages who has logged in."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=60, follow_redirects=True)
        try:
            self._log_in(url, user, password)
        except httpx.HTTPError as error:
            raise ClaimFailed(f"{user} cannot log in: {error}") from error

    def _log_in(self, url: str, user: str, password: str) -> None:
        self._http.get("/login/").raise_for_status()
        form = {"username": user, "password": password, "csrfmiddlewaretoken": self._http.cookies["csrftoken"]}
        self._http.post("/login/", data=form, headers={"Referer": f"{url}/login/"}).raise_for_status()

    def text(self, path: str) -> str:
        """What a reader sees of the page, its white space evened out. Raises :class:`ClaimFailed` when there is no such page."""
        try:
            answer = self._http.get(path)
        except httpx.HTTPError as error:
            raise ClaimFailed(f"{path} gives no answer: {error}") from error
        if answer.status_code != httpx.codes.OK:
            raise ClaimFailed(f"{path} answers {answer.status_code}")
        return evened(html.unescape(re.sub(r"<[^>]*>", " ", answer.text)))

    def lacks(self, path: str, wanted: Iterable[str]) -> list[str]:
        """Which of the wanted texts the page does not show."""
        text = self.text(path)
        return [each for each in wanted if evened(each) not in text]


def evened(text: str) -> str:
    """Single blanks between words."""
    return " ".join(text.split())


def decisive(lines: list[str]) -> list[str]:
    """Of a Detox explanation: what came out, and the lines of the policy that made it so with the values they saw."""
    kept, below = [], False
    for line in lines:
        below = line.lstrip().startswith("=>") or (below and line.startswith("      "))
        if below or line.startswith(("  deleted", "  protected")):
            kept.append(line)
    return kept
