"""Who one is: identity, tokens, and login by a browser on another device."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dynamo_client.descriptors import listing, verb
from dynamo_client.effects import Pause, Rows, Steps
from dynamo_client.errors import Refused, Unavailable
from dynamo_client.paging import listed
from dynamo_client.records import Caller, DeviceLogin, Token
from dynamo_client.verbs.base import Base

_PENDING = {"login-pending", "slow-down"}
_SLOWER = 5.0


class AccessVerbs(Base):
    """Verbs on identity and tokens."""

    @verb
    def whoami(self) -> Steps[Caller]:
        """As whom the server knows this client, and with which rights."""
        found = yield from self._get("whoami")
        return Caller.of(found)

    @verb
    def begin_login(self, *, client: str = "", scopes: Iterable[str] | None = None) -> Steps[DeviceLogin]:
        """Begin a login that its user approves in a browser, on any device; ``client`` is shown there."""
        body = {"client": client, "scopes": None if scopes is None else list(scopes)}
        return DeviceLogin.of((yield from self._post("device/codes", body)))

    @verb
    def finish_login(self, login: DeviceLogin, *, service: str = "") -> Steps[Token]:
        """Wait until the login is approved; the token that comes of it. Denied when it is rejected, Refused when it expires."""
        pause = float(login.interval)
        while True:
            yield Pause(pause)
            try:
                body = {"device_code": login.device_code, "service": service}
                return Token.of((yield from self._post("device/token", body)))
            except Refused as error:
                kind = str(error.problem.get("type", "")).rpartition("/")[2]
                if kind not in _PENDING:
                    raise
                pause += _SLOWER if kind == "slow-down" else 0.0

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
        made = Token.of((yield from self._post("tokens", body)))
        if not made.secret:
            # It came at the second try: the server does not keep secrets to tell them again.
            raise Unavailable(
                f"token {made.id} was made, and its secret was lost on the way: revoke it and make another"
            )
        return made

    @verb
    def revoke_token(self, number: int) -> Steps[None]:
        """Make a token worthless from now on."""
        yield from self._delete(f"tokens/{number}")
