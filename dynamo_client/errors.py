"""What can go wrong, one type per kind; ``exit_code`` is what the ``dynamo`` command ends with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class DynamoError(Exception):
    """Base of all; the text is for people. ``status`` and ``problem``: the server's answer, if there was one."""

    exit_code = 1

    def __init__(self, text: str, *, status: int | None = None, problem: Mapping[str, Any] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.problem = dict(problem or {})


class Refused(DynamoError):
    """The server says that what was asked is wrong (400, 409, 422 …): the text says what and why. Nothing was changed."""


class NotThere(Refused):
    """There is no such thing (404)."""


class Denied(DynamoError):
    """Not known to the server (401), or without the right (403)."""

    exit_code = 3


class CannotConnect(DynamoError):
    """No server answers at the address, or what answers is no Dynamo."""

    exit_code = 4


class Unavailable(DynamoError):
    """The server is there and cannot do it now (429, 503, also after trying again), or failed (500)."""

    exit_code = 5


class EndedBadly(DynamoError):
    """What was waited for came to an end that was not wished: a request rejected, a run failed."""

    exit_code = 6


class Misconfigured(DynamoError):
    """The configuration, the token or the certificate of this client cannot be used."""

    exit_code = 2
