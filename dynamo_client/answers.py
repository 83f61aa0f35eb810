"""The server's answers: JSON of a success, or the error that a refusal (RFC 9457 problem details) stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from dynamo_client.errors import CannotConnect, Denied, DynamoError, NotThere, Refused, Unavailable

_DENIED = {401, 403}
_NOT_NOW = {429}


def content(response: httpx.Response) -> Any:
    """The JSON of a successful answer; None where there is none to be."""
    if response.status_code == httpx.codes.NO_CONTENT or not response.content:
        return None
    try:
        return response.json()
    except (ValueError, RecursionError):
        raise _no_dynamo(response) from None


def trouble(response: httpx.Response) -> DynamoError | None:
    """The error that the answer stands for; None: it is a success."""
    if response.is_success:
        return None
    problem = _problem(response)
    status = response.status_code
    text = _text(problem) or f"{_place(response)}: {status} {response.reason_phrase}"
    facts: dict[str, Any] = {"status": status, "problem": problem}
    if status in _DENIED:
        return Denied(text, **facts)
    if status in _NOT_NOW or response.is_server_error:
        return Unavailable(text, **facts)
    if not problem:
        return _no_dynamo(response)
    return (NotThere if status == httpx.codes.NOT_FOUND else Refused)(text, **facts)


def _problem(response: httpx.Response) -> Mapping[str, Any]:
    try:
        found = response.json()
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(problem: Mapping[str, Any]) -> str:
    """The detail, and each mistake in a line of its own."""
    head = str(problem.get("detail") or problem.get("title") or "")
    mistakes = problem.get("errors")
    if not isinstance(mistakes, list):
        return head
    return "\n".join([head, *(f"  {line}" for line in map(_mistake, mistakes) if line not in head)]).strip()


def _mistake(mistake: Any) -> str:
    if not isinstance(mistake, dict):
        return str(mistake)
    return f"{mistake.get('field', '')}: {mistake.get('detail', '')}"


def _no_dynamo(response: httpx.Response) -> CannotConnect:
    status = f"{response.status_code} {response.reason_phrase}".strip()
    return CannotConnect(
        f"{_place(response)}: {status}, and no answer of Dynamo; is the address right?", status=response.status_code
    )


def _place(response: httpx.Response) -> str:
    """The address without the query, which may be long."""
    return str(response.url.copy_with(query=None))
