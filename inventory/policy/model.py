"""What a policy file says, as plain data: made by ``parser.py``, read by the compiler, the linter and the engines."""

from __future__ import annotations

from dataclasses import dataclass

OPERATORS: dict[str, str] = {
    "true": "`v`: the boolean variable is true",
    "not": "`not v`: it is false",
    "==": "equal; for text, `*` and `?` make the operand a shell glob over the whole value",
    "!=": "not equal; globs as for `==`",
    "=~": "regular expression, anchored at the start of the value",
    "!=~": "the regular expression does not match at the start of the value",
    "<": "less (numbers)",
    ">": "greater (numbers)",
    "older_than": "before that time, as GNU `date -d` reads it",
    "newer_than": "after that time",
    "in": "any of a blank-separated list in square brackets; globs allowed for text",
    "notin": "none of the list",
}
"""Operators of predicates with their meaning."""

ACTIONS: dict[str, str] = {
    "Ignore": "dataset replica: leaves the cycle; in none of the result lists",
    "Protect": "dataset replica: stays",
    "Delete": "dataset replica: deleted at once, trigger or not",
    "Dismiss": "dataset replica: candidate; deleted, in `Order`, only while its site is triggered",
    "ProtectBlock": "block replicas: those that match stay; they leave the replica, the rest goes on down the stack",
    "DeleteBlock": "block replicas: those that match are deleted at once, trigger or not",
    "DismissBlock": "block replicas: those that match are candidates",
}
"""Actions with what they act on and their effect."""

BLOCK_SUFFIX = "Block"

Operand = str | float | tuple[str, ...] | tuple[float, ...] | None


@dataclass(frozen=True)
class Predicate:
    """``variable operator operand``. Times stay text; numbers are float; enum values are their upper-case names.

    ``line`` and ``column`` (from 1) are the predicate's place in its file.
    """

    variable: str
    operator: str
    operand: Operand
    line: int = 1
    column: int = 1


@dataclass(frozen=True)
class Condition:
    """Predicates joined by `and`; holds only up to ``until`` and since ``since`` (time expressions) where given."""

    predicates: tuple[Predicate, ...]
    until: str | None
    since: str | None
    text: str


@dataclass(frozen=True)
class Line:
    """A line of the stack: ``number`` from 1 (0: the default, which has no condition); ``line`` is its place in the file."""

    number: int
    action: str
    condition: Condition | None
    text: str
    line: int

    @property
    def by_block(self) -> bool:
        return self.action.endswith(BLOCK_SUFFIX)

    @property
    def decision(self) -> str:
        """The action without regard to level: Ignore, Protect, Delete or Dismiss."""
        return self.action.removesuffix(BLOCK_SUFFIX)


@dataclass(frozen=True)
class OrderKey:
    """One key of ``Order``."""

    variable: str
    descending: bool


@dataclass(frozen=True)
class Policy:
    """A Detox policy file. Conditions in ``on``, ``when``, ``until`` are OR-ed; ``order`` is empty for `Order none`.

    ``version``: that of ``inventory.policy.versions``, 0 for a file of its own; ``note``: why a newer text is not followed.
    """

    partition: str
    on: tuple[Condition, ...]
    when: tuple[Condition, ...]
    until: tuple[Condition, ...]
    stack: tuple[Line, ...]
    default: Line
    order: tuple[OrderKey, ...]
    static: bool
    text: str
    file: str
    version: int = 0
    note: str = ""

    @property
    def lines(self) -> tuple[Line, ...]:
        """The stack with the default at its end."""
        return (*self.stack, self.default)
