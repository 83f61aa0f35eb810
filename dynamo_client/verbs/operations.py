"""File operations and servers: what is under way, what is held, who is how far."""

from __future__ import annotations

from typing import Any

from dynamo_client.decoding import records
from dynamo_client.descriptors import listing, verb
from dynamo_client.effects import Rows, Steps
from dynamo_client.paging import listed
from dynamo_client.records import Answer, Server, Transfer
from dynamo_client.verbs.base import Base

_RATES = {"copy": "transfers", "deletion": "deletions"}


class OperationVerbs(Base):
    """Verbs on file operations and servers."""

    @listing
    def transfers(self, /, **filters: Any) -> Rows[Transfer]:
        """Copies by site, source, state, lfn …"""
        yield from listed(self.session, Transfer, "transfers", filters)

    @listing
    def deletions(self, /, **filters: Any) -> Rows[Transfer]:
        """Deletions of files by site, state, lfn …"""
        yield from listed(self.session, Transfer, "deletions", filters)

    @listing
    def held(self, /, **filters: Any) -> Rows[Transfer]:
        """Copies and deletions that wait for an operator, by site, reason …"""
        yield from listed(self.session, Transfer, "held", filters)

    @listing
    def rates(self, /, kind: str = "copy", **filters: Any) -> Rows[Answer]:
        """Files and bytes over time of "copy" or "deletion": ``since``, ``until``, ``step="day"``, ``by="link"``, ``entity`` …"""
        yield from listed(self.session, Answer, f"{_RATES[kind]}/rates", filters)

    @verb
    def servers(self) -> Steps[list[Server]]:
        """The parts of the installation: database, Redis, inventory, workers …, and what is wrong with them."""
        return records(Server, (yield from self._get("servers")))
