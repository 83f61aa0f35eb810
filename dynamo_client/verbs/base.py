"""What the verbs have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from dynamo_client.calls import Call, Session, answered
from dynamo_client.effects import Steps


class Base:
    """Verbs of a session with a server."""

    session: Session

    def _get(self, path: str, params: Mapping[str, Any] | None = None) -> Steps[Any]:
        return answered(self.session, Call("GET", path, params or {}))

    def _post(self, path: str, body: Mapping[str, Any] | None = None) -> Steps[Any]:
        return answered(self.session, Call("POST", path, json=given(body or {})))

    def _delete(self, path: str) -> Steps[Any]:
        return answered(self.session, Call("DELETE", path))


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def quoted(name: str | int) -> str:
    """As a part of a path."""
    return quote(str(name), safe="")


def several(names: str | Iterable[str]) -> list[str]:
    """One name, or more, as a list."""
    return [names] if isinstance(names, str) else list(names)
