"""Detox: what its cycles did and why, and what another policy would do."""

from __future__ import annotations

from typing import Any

from dynamo_client.descriptors import listing, verb
from dynamo_client.effects import Pause, Rows, Steps
from dynamo_client.errors import EndedBadly
from dynamo_client.paging import listed
from dynamo_client.records import Answer, Cycle, CycleSite
from dynamo_client.verbs.base import Base, given

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0


class DetoxVerbs(Base):
    """Verbs on Detox."""

    @listing
    def cycles(self, /, **filters: Any) -> Rows[Cycle]:
        """Cycles by partition, state …, the newest first."""
        yield from listed(self.session, Cycle, "detox/cycles", filters)

    @verb
    def cycle(self, number: int) -> Steps[Cycle]:
        """One cycle."""
        found = yield from self._get(f"detox/cycles/{number}")
        return Cycle.of(found)

    @listing
    def cycle_sites(self, /, number: int, **filters: Any) -> Rows[CycleSite]:
        """What a cycle did at every site."""
        yield from listed(self.session, CycleSite, f"detox/cycles/{number}/sites", filters)

    @listing
    def decisions(self, /, number: int, **filters: Any) -> Rows[Answer]:
        """Decisions of a cycle by dataset, site, …"""
        yield from listed(self.session, Answer, f"detox/cycles/{number}/decisions", filters)

    @listing
    def policy_lines(self, /, partition: str, **filters: Any) -> Rows[Answer]:
        """What each line of the policies protected, kept and deleted in cycles of a partition: ``since``, ``until``, ``by="site"``, ``per="month"`` …"""
        yield from listed(self.session, Answer, "detox/lines", {"partition": partition, **filters})

    @verb
    def explain(self, number: int, dataset: str, site: str | None = None) -> Steps[Answer]:
        """Why a cycle decided as it did about a dataset: each predicate with its value, and what would turn the decision."""
        found = yield from self._get(f"detox/cycles/{number}/explain", {"dataset": dataset, "site": site})
        return Answer.of(found)

    @verb
    def turning(self, number: int, dataset: str, site: str) -> Steps[Answer]:
        """What would have turned a cycle's decision about a dataset at a site; the server looks for it for some seconds."""
        found = yield from self._get(f"detox/cycles/{number}/changes", {"dataset": dataset, "site": site})
        return Answer.of(found)

    @verb
    def simulate(self, /, subject: str, **changes: Any) -> Steps[Answer]:
        """What would be decided otherwise in the partition ``subject``: with another ``policy`` (its text), ``quotas``
        ("SITE=TB"), ``statuses`` ("SITE=STATUS"), ``locks``, ``unlocks``; on a ``cycle``, ``version`` or ``time`` (none: now).

        Nothing is recorded, nothing changes. EndedBadly says why it cannot be compared.
        """
        asked = yield from self._post("detox/comparisons", given({"subject": subject, **changes}))
        pause = _SHORTEST_PAUSE
        while asked["state"] in ("waiting", "computing"):
            yield Pause(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            asked = yield from self._get(f"detox/comparisons/{asked['id']}")
        if asked["state"] == "failed":
            raise EndedBadly(str(asked["error"]))
        return Answer.of(asked["answer"])
