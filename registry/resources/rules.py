"""Approval rules: which requests wait for a person's word."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from registry.access import Access
from registry.api.columns import by_name
from registry.api.problems import Invalid, Wrong
from registry.api.rows import of_model, row_of
from registry.api.schema import example
from registry.api.strict import Body, Boolean, Choice, Integer, Number, Text
from registry.api.writing import Call, Resource, listing, operation, route
from registry.errors import Conflict
from registry.models import ApprovalRule

FIELDS = by_name(*of_model(
    ApprovalRule, "id", "name", "order", "enabled", "decision", "kind", "role", "groups", "sites", "larger_than", "comment",
    "changed_by", "changed_at", name="large copies", larger_than=100.0, changed_by="ann",
))  # fmt: skip
WHOLE = by_name(*FIELDS.values(), *of_model(ApprovalRule, "emails", "webhook"))
"""Who is told is for operators only."""
_LARGEST_ORDER = 2**31 - 1


class _Rule(Body):
    order = Integer(max_value=_LARGEST_ORDER, required=False, help_text="the smallest is tried first")
    enabled = Boolean(required=False)
    decision = Choice(
        choices=ApprovalRule.Decision.values, required=False, help_text="accept at once, or ask: wait for approval"
    )
    kind = Choice(choices=["", "copy", "deletion"], required=False, help_text="empty: both")
    role = Text(max_length=128, required=False, allow_blank=True, help_text="of who asks, as target:role")
    groups = Text(max_length=1000, required=False, allow_blank=True, help_text="globs, separated by commas")
    sites = Text(max_length=1000, required=False, allow_blank=True, help_text="globs, separated by commas")
    larger_than = Number(min_value=0.0, max_value=1e9, required=False, allow_null=True, help_text="TB")
    emails = Text(max_length=4000, required=False, allow_blank=True, help_text="addresses, separated by commas")
    webhook = Text(
        max_length=500, required=False, allow_blank=True, help_text="its host has to be in DYNAMO_WEBHOOK_HOSTS"
    )
    comment = Text(max_length=4000, required=False, allow_blank=True)


@example(name="large copies", decision="ask", kind="copy", larger_than=100.0, emails="operators@example.org")
class RuleWished(_Rule):
    """A rule; what is left out fits every request."""

    name = Text()


@example(enabled=False)
class RuleChanged(_Rule):
    """What is to be otherwise."""

    name = Text(required=False)


class Rules(Resource):
    """The first enabled rule in order that fits a request decides over it."""

    @listing(FIELDS)
    def list(self, call: Call) -> QuerySet[ApprovalRule]:
        """All rules; `order=order,id` has them as they are tried."""
        return ApprovalRule.objects.all()

    @operation(answer=FIELDS)
    def show(self, call: Call) -> ApprovalRule:
        """One rule."""
        return _found(call)

    @operation(body=RuleWished, answer=WHOLE, status=201)
    def create(self, call: Call) -> Any:
        """Add a rule; the answer tells also who hears of what waits."""
        rule = _saved(call, ApprovalRule())
        return call.made(row_of(rule, WHOLE), f"/api/v1/approval-rules/{rule.pk}")

    @operation(body=RuleChanged, answer=WHOLE)
    def change(self, call: Call) -> ApprovalRule:
        """Change a rule; requests that wait already go on waiting."""
        with transaction.atomic():
            # Locked: who changes something else of it at the same time loses nothing.
            return _saved(call, _found(call, ApprovalRule.objects.select_for_update()))

    @operation()
    def remove(self, call: Call) -> None:
        """Remove a rule."""
        with transaction.atomic():
            _found(call).delete()


def _found(call: Call, rules: QuerySet[ApprovalRule] | None = None) -> ApprovalRule:
    return call.one(ApprovalRule.objects.all() if rules is None else rules, "there is no approval rule")


def _saved(call: Call, rule: ApprovalRule) -> ApprovalRule:
    """With what the call brings. The audit log hears of every change of a rule."""
    for name, value in call.body.items():
        setattr(rule, name, value)
    rule.changed_by = call.caller.name[:150]
    try:
        rule.full_clean()
    except ValidationError as error:
        raise Invalid([Wrong(name, "; ".join(says)) for name, says in error.message_dict.items()]) from None
    try:
        with transaction.atomic():
            rule.save()
    except IntegrityError:
        raise Conflict(f"there is an approval rule {rule.name} already") from None  # made at the same moment
    return rule


_OPERATE = Access(change=("operator", "registry"))
urlpatterns = [
    route("approval-rules", Rules, {"get": "list", "post": "create"}, access=_OPERATE),
    route(
        "approval-rules/<int:number>", Rules, {"get": "show", "patch": "change", "delete": "remove"}, name="v1-approval-rules-one",
        access=_OPERATE,
    ),
]  # fmt: skip
