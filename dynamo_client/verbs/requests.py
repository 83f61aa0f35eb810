"""Copy and deletion requests: asking, following, withdrawing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from dynamo_client.descriptors import listing, verb
from dynamo_client.effects import Give, Pause, Rows, Steps
from dynamo_client.paging import gathered, listed
from dynamo_client.records import Action, Answer, Request
from dynamo_client.verbs.base import Base, several

_PATHS = {"copy": "copy-requests", "deletion": "deletion-requests"}


class RequestVerbs(Base):
    """Verbs on requests; ``kind`` is "copy" or "deletion"."""

    @verb
    def request_copy(
        self,
        items: str | Iterable[str],
        sites: str | Iterable[str] = (),
        *,
        group: str | None = None,
        copies: int | None = None,
    ) -> Steps[Request]:
        """Ask for ``copies`` (None: one; 0: one at every site) of datasets or ``dataset#block`` at sites (globs; none: the server's)."""
        found = yield from self._post(_PATHS["copy"], _wish(items, sites, group, copies))
        return Request.of(found)

    @verb
    def request_deletion(self, items: str | Iterable[str], sites: str | Iterable[str]) -> Steps[Request]:
        """Ask for the deletion of datasets or blocks at sites."""
        found = yield from self._post(_PATHS["deletion"], _wish(items, sites))
        return Request.of(found)

    @verb
    def preview_copy(
        self,
        items: str | Iterable[str],
        sites: str | Iterable[str] = (),
        *,
        group: str | None = None,
        copies: int | None = None,
    ) -> Steps[Answer]:
        """What such a request would copy, from where, how many bytes, and where there is room; nothing is asked."""
        found = yield from self._post(f"{_PATHS['copy']}/preview", _wish(items, sites, group, copies))
        return Answer.of(found)

    @verb
    def preview_deletion(self, items: str | Iterable[str], sites: str | Iterable[str]) -> Steps[Answer]:
        """What such a request would delete."""
        found = yield from self._post(f"{_PATHS['deletion']}/preview", _wish(items, sites))
        return Answer.of(found)

    @listing
    def requests(self, /, kind: str = "copy", **filters: Any) -> Rows[Request]:
        """Requests by status, user, item, site …, the newest first."""
        yield from listed(self.session, Request, _PATHS[kind], filters)

    @verb
    def request(self, number: int, kind: str = "copy") -> Steps[Request]:
        """One request with its actions."""
        return (yield from self._whole(number, kind))

    @verb
    def cancel(self, number: int, kind: str = "copy") -> Steps[Request]:
        """Withdraw a request that is still new."""
        found = yield from self._post(f"{_PATHS[kind]}/{number}/cancel")
        return Request.of(found)

    @listing
    def watch_request(self, number: int, kind: str = "copy", *, interval: float = 5.0) -> Rows[Request]:
        """The request whenever something about it has changed, until it has ended."""
        before = None
        while True:
            request = yield from self._whole(number, kind)
            if request != before:
                yield Give(request)
            if request.is_over:
                return
            before = request
            yield Pause(interval)

    def _whole(self, number: int, kind: str) -> Steps[Request]:
        """With its actions."""
        request = Request.of((yield from self._get(f"{_PATHS[kind]}/{number}")))
        actions = yield from gathered(listed(self.session, Action, f"{_PATHS[kind]}/{number}/actions", {}))
        raw = {**request.raw, "actions": [action.raw for action in actions]}
        return replace(request, actions=tuple(actions), raw=raw)


def _wish(
    items: str | Iterable[str], sites: str | Iterable[str], group: str | None = None, copies: int | None = None
) -> dict[str, Any]:
    return {"items": several(items), "sites": several(sites) or None, "group": group, "num_copies": copies}
