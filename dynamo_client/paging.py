"""Lists that come in pages: the next page is asked for by the cursor of the one before, when it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from dynamo_client.calls import Call, Session, answered
from dynamo_client.decoding import Record
from dynamo_client.effects import Give, Rows, Steps
from dynamo_client.errors import CannotConnect

R = TypeVar("R", bound=Record)
ROWS_OF_A_PAGE = 1000


def listed(session: Session, kind: type[R], path: str, params: Mapping[str, Any]) -> Rows[R]:
    """Every row at ``path`` that ``params`` choose, as ``kind``, in the server's order."""
    asked: dict[str, Any] = {"limit": ROWS_OF_A_PAGE, **params}
    while True:
        page = yield from answered(session, Call("GET", path, asked))
        rows, cursor = _page(page)
        for row in rows:
            yield Give(kind.of(row))
        if cursor is None or cursor == asked.get("cursor"):
            return
        asked["cursor"] = cursor


def gathered(rows: Rows[R]) -> Steps[list[R]]:
    """All that a listing gives, at once."""
    found: list[R] = []
    outcome: Any = None
    while True:
        try:
            effect = rows.send(outcome)
        except StopIteration:
            return found
        outcome = None
        if isinstance(effect, Give):
            found.append(effect.value)
        else:
            outcome = yield effect


def _page(page: Any) -> tuple[list[Any], str | None]:
    """The rows, and the cursor in the address of the next page; only that is taken from it, not whither to go."""
    rows = page.get("results") if isinstance(page, dict) else None
    following = page.get("next") if isinstance(page, dict) else None
    if not isinstance(rows, list) or not isinstance(following, str | None):
        raise CannotConnect("the server gave something else where a page of a list should be; is it a Dynamo?")
    cursors = parse_qs(urlsplit(following or "").query).get("cursor", [])
    return rows, cursors[0] if cursors else None
