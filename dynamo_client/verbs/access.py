"""Who one is: identity, tokens, and login by a browser on another device."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dynamo_client.descriptors import listing, verb
from dynamo_client.effects import Rows, Steps
from dynamo_client.paging import listed
from dynamo_client.records import Caller, Token
from dynamo_client.verbs.base import Base


class AccessVerbs(Base):
    """Verbs on identity and tokens."""

    @verb
    def whoami(self) -> Steps[Caller]:
        """As whom the server knows this client, and with which rights."""
        found = yield from self._get("whoami")
        return Caller.of(found)

    @listing
    def tokens(self, /, **filters: Any) -> Rows[Token]:
        """One's bearer tokens, without their secrets."""
        yield from listed(self.session, Token, "tokens", filters)

    @verb
    def create_token(
        self, *, days: float | None = None, service: str = "", scopes: Iterable[str] | None = None
    ) -> Steps[Token]:
        """A new token for so many days (None: the server's default); its ``secret`` is told this once.

        ``scopes``: targets that it is good for changing (None: whatever one may oneself; empty: it only reads).
        """
        body = {"days": days, "service": service or None, "scopes": None if scopes is None else list(scopes)}
        return Token.of((yield from self._post("tokens", body)))

    @verb
    def revoke_token(self, number: int) -> Steps[None]:
        """Make a token worthless from now on."""
        yield from self._delete(f"tokens/{number}")
