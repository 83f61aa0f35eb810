"""What-if questions as people ask them, on the page, by command or by program: text in, an answer as plain data out.

The question names what is in force (a partition or a policy file; the present, a kept version or time, or a kept cycle) and what
is to be changed; :func:`ask` gathers, decides twice, and compares. Nothing is recorded and nothing changes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

from detox import facts, guard
from detox.compare import Comparison, as_dict, compare
from detox.counterfactual.kept import inputs_of
from detox.monitor import CycleUnknown, detox_settings, find_cycle
from detox.policies import policy_in_force
from detox.whatif import CannotCompare, Changes, Inputs, Lock, changed
from inventory import client
from inventory.entering import quota_bytes
from inventory.errors import ChangeRefused
from inventory.partitions import definitions
from inventory.policy.errors import PolicyError
from inventory.policy.model import Policy
from inventory.policy.parser import parse_policy
from inventory.policy.times import parse_time
from inventory.schema import SITE_STATUSES


@dataclass(frozen=True)
class Question:
    """``subject``: a partition, or a policy by name or path; ``policy``: text of a changed one (None: not changed), ``policy_file`` its name in messages.

    ``quotas``: ``SITE=TB`` or ``SITE=none``; ``statuses``: ``SITE=STATUS``; ``locks`` to set and ``unlocks`` to lift:
    ``ITEM[@SITE[@GROUP]]``; sites, groups and items may be globs. At most one of ``cycle`` (number), ``version`` and ``time``
    (as in policies) says on what; without, on the present.
    """

    subject: str
    policy: str | None = None
    policy_file: str = "<changed policy>"
    quotas: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    unlocks: tuple[str, ...] = ()
    cycle: int | None = None
    version: int | None = None
    time: str = ""

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> Question:
        """From JSON."""
        known = {field.name for field in fields(cls)}
        chosen: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in given.items() if name in known
        }
        return cls(**chosen)


@dataclass(frozen=True)
class Answer:
    """The comparison, what it was made on (``basis``), what to keep in mind (``notes``), and what the guard would say (``guard``)."""

    comparison: Comparison
    partition: str
    basis: str
    notes: tuple[str, ...]
    guard: tuple[str, ...]

    def as_dict(self, limit: int | None = None) -> dict[str, Any]:
        """Plain data for JSON and pages, with at most ``limit`` datasets and replicas."""
        return {
            "partition": self.partition, "basis": self.basis, "notes": list(self.notes), "guard": list(self.guard),
        } | as_dict(self.comparison, limit)  # fmt: skip


def ask(question: Question) -> Answer:
    """The answer. Raises CannotCompare with every mistake, CycleUnknown, NotKept, VersionGone, TimeError, InventoryUnavailable, PolicyError of what is in force."""
    changes = changes_of(question)
    before, basis, notes = _inputs(question)
    if changes.are_none():
        if question.cycle is None:
            raise CannotCompare(["nothing is changed: give a policy, a quota, a status or a lock"])
        today = policy_in_force(question.subject)
        changes = replace(changes, policy=today)
        notes = (*notes, f"changed is the policy: to what {today.file} says now")
    after = changed(before, changes)
    first, second = before.decide(), after.decide()
    lines = {line.number: line.text for line in after.policy.lines}
    found = [finding.as_dict() for finding in guard.findings(second, after.settings)]
    stopped = guard.all_told(found, after.policy.partition, lines)
    wider = {one.text for one in after.policy.on} != {one.text for one in before.policy.on}
    if question.cycle is not None and wider:
        notes = (
            *notes,
            f"cycle {question.cycle} kept only datasets that it looked at: of sites that `On` adds, others are not seen",
        )
    return Answer(
        compare(first, second, (before.policy, after.policy)), after.policy.partition, basis, notes, tuple(stopped)
    )


def changes_of(question: Question) -> Changes:
    """What the texts mean. Raises CannotCompare with every mistake of form."""
    mistakes: list[str] = []
    if sum(bool(chosen) for chosen in (question.cycle is not None, question.version is not None, question.time)) > 1:
        mistakes.append("a cycle, a version and a time: give only one of them")
    if question.cycle is not None and question.cycle < 1:
        mistakes.append(f"there is no cycle {question.cycle}; they are numbered from 1")
    policy = _policy(question, mistakes)
    quotas = [
        (site, _quota(text, value, mistakes))
        for text in question.quotas
        for site, value in [_pair(text, "SITE=TB", mistakes)]
    ]
    statuses = [
        (site, _status(text, value, mistakes))
        for text in question.statuses for site, value in [_pair(text, "SITE=STATUS", mistakes)]
    ]  # fmt: skip
    locks, unlocks = (tuple(map(_lock, texts)) for texts in (question.locks, question.unlocks))
    if mistakes:
        raise CannotCompare(mistakes)
    return Changes(policy, tuple(quotas), tuple(statuses), locks, unlocks)


def _policy(question: Question, mistakes: list[str]) -> Policy | None:
    if question.policy is None:
        return None
    try:
        return parse_policy(question.policy, question.policy_file)
    except PolicyError as error:
        mistakes += str(error).split("\n")
        return None


def _pair(text: str, form: str, mistakes: list[str]) -> tuple[str, str]:
    site, equals, value = (part.strip() for part in text.partition("="))
    if not (site and equals and value):
        mistakes.append(f"{text!r} is not {form}")
    return site, value


def _quota(text: str, value: str, mistakes: list[str]) -> int:
    try:
        return quota_bytes(value) if value else 0
    except ChangeRefused as error:
        mistakes += [f"{text!r}: {problem}" for problem in error.problems]
        return 0


def _status(text: str, value: str, mistakes: list[str]) -> str:
    if value and value.upper() not in SITE_STATUSES:
        mistakes.append(f"{text!r}: a site's status is one of {', '.join(SITE_STATUSES)}")
    return value.upper()


def _lock(text: str) -> Lock:
    item, _, rest = text.strip().partition("@")
    sites, _, groups = rest.partition("@")
    return item, sites, groups


def _inputs(question: Question) -> tuple[Inputs, str, tuple[str, ...]]:
    if question.cycle is not None:
        return _of_cycle(question, question.cycle)
    policy, settings = policy_in_force(question.subject), detox_settings()
    snapshot, now = client.snapshot(), int(time.time())
    notes: tuple[str, ...] = ()
    if question.version is not None or question.time:
        wanted = parse_time(question.time, now) if question.time else None
        snapshot = client.as_of(version=question.version, time=wanted)
        now = snapshot.time if wanted is None else wanted
        notes = ("locks, requests and rules are those of the present",)
    known = facts.gather(snapshot, settings.protected_sites, now)
    basis = f"version {snapshot.version} of the inventory, and {policy.file}"
    return Inputs(snapshot, policy, definitions(snapshot), known, settings, now), basis, notes


def _of_cycle(question: Question, number: int) -> tuple[Inputs, str, tuple[str, ...]]:
    """What a kept cycle was made of."""
    cycle = find_cycle(number, test=None)
    if (
        question.subject
        and cycle.partition != question.subject
        and cycle.partition != policy_in_force(question.subject).partition
    ):
        raise CycleUnknown(f"{cycle} is not one of {question.subject}")
    inputs = inputs_of(cycle)
    when = datetime.fromtimestamp(cycle.now, UTC)
    return inputs, f"{cycle} of {when:%Y-%m-%d %H:%M} UTC, version {cycle.version}, with the policy it followed", ()
