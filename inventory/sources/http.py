"""A source that is a JSON document at an HTTP address: a list of objects, or an object that holds it under ``rows``."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import polars as pl
from django.conf import settings

from inventory import outward
from inventory.errors import ChangeRefused, Problem
from inventory.sources.attributes import ATTRIBUTES, MOST_BYTES, typed
from inventory.sources.base import Context, SourceFailed, SourceWrong
from inventory.sources.files import check_columns
from inventory.sources.reading import frame_of

_MOST_REDIRECTS = 3
_TOKENS = "DYNAMO_SOURCE_TOKEN_"


@dataclass(frozen=True)
class HttpJson:
    """``url``: at one of the hosts of ``DYNAMO_SOURCE_HOSTS``; ``rows``: where the list is, e.g. ``data.datasets``, empty: at the top.

    ``columns``: what ours are called there. ``token``: NAME of a bearer token, found in the environment as
    ``DYNAMO_SOURCE_TOKEN_NAME``, or in the file that ``DYNAMO_SOURCE_TOKEN_NAME_FILE`` names. ``seconds``: for the whole answer.
    ``most_bytes``: largest answer.
    """

    url: str = ""
    rows: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    token: str = ""
    seconds: float = 60.0
    most_bytes: int = 200_000_000

    def check(self) -> None:
        """The address, its host and the name of the token can be used."""
        _allowed(self.url)
        check_columns(self.columns)
        if self.token and not (self.token.isascii() and self.token.replace("_", "").isalnum() and self.token.isupper()):
            raise SourceWrong(
                f"token: {self.token[:40]!r} is not a name in capitals; the token itself belongs into {_TOKENS}NAME"
            )
        if not 0 < self.seconds <= 3600 or not 0 < self.most_bytes <= MOST_BYTES:
            raise SourceWrong(f"seconds must be above 0 up to 3600, most_bytes up to {MOST_BYTES}")

    def provides(self) -> tuple[str, ...]:
        """What ``columns`` names, else any."""
        return tuple(name for name in self.columns if name != "dataset") or ATTRIBUTES

    def fetch(self, context: Context) -> pl.DataFrame:
        """The rows of the document."""
        found = self._document()
        for name in filter(None, self.rows.split(".")):
            if not isinstance(found, dict) or name not in found:
                raise ChangeRefused([Problem(self.url, f"the answer has no {self.rows!r}")])
            found = found[name]
        try:
            frame = frame_of(found).with_row_index("line", 1)
        except (ValueError, TypeError, OverflowError, pl.exceptions.PolarsError) as error:
            raise ChangeRefused([Problem(self.url, f"the answer cannot be used: {error}")]) from error
        return typed(frame, self.url, self.columns)

    def _document(self) -> Any:
        try:
            data = self._answer()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceFailed(f"{self.url} cannot be read: {error or type(error).__name__}") from error
        if b"\0" in data:
            raise ChangeRefused([Problem(self.url, "the answer has a NUL byte")])
        try:
            return json.loads(data)
        except json.JSONDecodeError as error:
            where = f"{self.url}:{error.lineno}:{error.colno}"
            raise ChangeRefused([Problem(where, f"the answer is not JSON ({error.msg}); is it cut off?")]) from error
        except (ValueError, RecursionError) as error:
            raise ChangeRefused([Problem(self.url, f"the answer is not JSON: {error}")]) from error

    def _answer(self) -> bytes:
        """The bytes of the answer; redirects are followed on the same host only, the size and the time are bounded."""
        ends = time.monotonic() + self.seconds
        headers = {
            "Accept": "application/json",
            **({"Authorization": f"Bearer {_token(self.token)}"} if self.token else {}),
        }
        with outward.followed(
            self.url, seconds=self.seconds, most=_MOST_REDIRECTS, check=self._same_host, headers=headers
        ) as answer:
            return self._body(answer, ends)

    def _same_host(self, address: str, target: str) -> None:
        old, new = urlsplit(address), urlsplit(target)
        if (new.scheme, new.netloc) != (old.scheme, old.netloc):
            raise SourceFailed(f"{self.url} leads elsewhere, to {target[:200]}; configure that address if it is right")

    def _body(self, answer: httpx.Response, ends: float) -> bytes:
        if answer.status_code != httpx.codes.OK:
            raise SourceFailed(f"{self.url} answers {answer.status_code} {answer.reason_phrase}")
        parts, size = [], 0
        for part in answer.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > self.most_bytes:
                raise SourceFailed(f"{self.url} answers more than {self.most_bytes} bytes (most_bytes)")
            if time.monotonic() > ends:
                raise SourceFailed(f"{self.url} takes longer than {self.seconds:g} s (seconds)")
        return b"".join(parts)


def _allowed(url: str) -> None:
    try:
        parts = urlsplit(url)
        httpx.URL(url)  # what cannot be called either
    except (ValueError, httpx.InvalidURL) as error:
        raise SourceWrong(f"url: {url[:100]!r} is no address: {error}") from error
    hosts = settings.SOURCE_HOSTS
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise SourceWrong(f"url: {url[:100]!r} is not an http or https address without user name")
    if parts.hostname not in hosts and parts.netloc not in hosts:
        raise SourceWrong(
            f"url: {parts.netloc} is not among the hosts of DYNAMO_SOURCE_HOSTS ({', '.join(hosts) or 'none'})"
        )


def _token(name: str) -> str:
    """The token of that name. Raises SourceFailed where there is none; the text never has it."""
    variable = f"{_TOKENS}{name}"
    if file := os.environ.get(f"{variable}_FILE"):
        try:
            return Path(file).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SourceFailed(f"the file of {variable}_FILE cannot be read: {type(error).__name__}") from error
    if token := os.environ.get(variable):
        return token
    raise SourceFailed(f"neither {variable} nor {variable}_FILE is set in the environment")
