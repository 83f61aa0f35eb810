"""Having a worker run a cycle: the right to it, the order, and its one record in the audit log."""

from __future__ import annotations

from django.db import transaction

from detox import confirming, tasks
from detox.models import Cycle, CycleState
from detox.policies import PolicyUnreadable, load_policy
from registry import audit, rights
from registry.callers import Caller
from scheduler.sending import queue_after_commit

_TARGET = "detox"


def cycle(by: Caller, policy: str) -> None:
    """A cycle of a policy, by the name of its file. Raises Denied, PolicyUnreadable, NoBroker."""
    rights.require(by, "operator", _TARGET)
    if "/" in policy:
        # A path would be a file of the server's.
        raise PolicyUnreadable("policy: give the name of a file of the policy directory, without a directory")
    load_policy(policy)
    with transaction.atomic():
        audit.record(by, "detox.cycle", policy)
        queue_after_commit(tasks.cycle, policy, author=by.name)


def confirm(by: Caller, refused: Cycle) -> None:
    """What the guard refused is carried out, with the caller as who confirms it. Raises Denied, CannotConfirm, NoBroker."""
    rights.require(by, "operator", _TARGET)
    if refused.state != CycleState.REFUSED:
        raise confirming.CannotConfirm(
            f"cycle {refused.pk} is {refused.state}; only one that the guard refused can be confirmed"
        )
    name = confirming.policy_name(refused)
    confirming.check(refused.pk, load_policy(name))
    with transaction.atomic():
        audit.record(by, "detox.confirm", str(refused))
        queue_after_commit(tasks.cycle, name, confirms=refused.pk, author=by.name)
