"""Grammar of one condition (Lark). Policy files are lines, so a mistake in one never hides those of another.

An operand runs to ` and `, ` until `, ` from ` or the end, so that group names may hold blanks; it is taken in whole words,
which keeps reading linear in the length of the line.
"""

from __future__ import annotations

from functools import cache

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput

GRAMMAR = r"""
start: predicate (_AND predicate)* bound*

predicate: NAME                                  -> plain
         | NOT NAME                              -> negated
         | NAME COMPARISON OPERAND               -> comparison
         | NAME TIME_COMPARISON OPERAND          -> comparison
         | NAME MEMBERSHIP _OPEN ITEM* _CLOSE    -> membership

bound: (UNTIL | FROM) OPERAND

_AND: /and(?=[ \t]|$)/
NOT.2: /not(?=[ \t]|$)/
UNTIL: /until(?=[ \t]|$)/
FROM: /from(?=[ \t]|$)/
NAME: /[A-Za-z_][A-Za-z0-9_.]*/
COMPARISON: /==|!=~|!=|=~|<|>/
TIME_COMPARISON: /(?:older_than|newer_than)(?=[ \t]|$)/
MEMBERSHIP: /(?:notin|in)(?=[ \t\[]|$)/
_OPEN: "["
_CLOSE: "]"
ITEM: /(?:[^\s\[\]]|\[[^\s\[\]]+\])+/
OPERAND: /(?!(?:and|until|from)(?:[ \t]|$))\S+(?:[ \t]+(?!(?:and|until|from)(?:[ \t]|$))\S+)*/

%ignore /[ \t]+/
"""

_EXPECTED = {
    "NAME": "a variable", "NOT": "a variable", "OPERAND": "a value", "ITEM": "a value", "_OPEN": "[", "_CLOSE": "]",
    "COMPARISON": "an operator (== != =~ !=~ < > older_than newer_than in notin)", "_AND": "and",
    "UNTIL": "until", "FROM": "from", "$END": "the end",
}  # fmt: skip
_HINTS = {
    "or": "there is no `or`: write two lines",
    "(": "there are no brackets: write several lines",
    ")": "there are no brackets: write several lines",
    "&": "write `and`",
    "|": "there is no `or`: write two lines",
    "=": "write ==",
    "~": "write =~ or !=~",
    "!": "write `not` before a boolean variable, != or !=~ before a value",
    "not": "write `not` before the variable, `notin` before a list",
    "And": "write `and`", "AND": "write `and`",
}  # fmt: skip


class Unreadable(Exception):
    """A condition is not of the language; ``offset`` counts characters from its start, from 0."""

    def __init__(self, offset: int, what: str) -> None:
        super().__init__(what)
        self.offset = offset
        self.what = what


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=False)


def condition_tree(text: str) -> Tree[Token]:
    """The tree of one condition; raises :class:`Unreadable` with the offset of the first thing that does not fit."""
    try:
        return _parser().parse(text)
    except UnexpectedInput as error:
        raise _unreadable(text, error) from None


def _unreadable(text: str, error: UnexpectedInput) -> Unreadable:
    position = error.pos_in_stream
    offset = len(text) if position is None or position < 0 else position
    token = getattr(error, "token", None)
    if token is not None and token.type == "$END":
        offset = len(text.rstrip())
    expected = error.allowed if isinstance(error, UnexpectedCharacters) else getattr(error, "accepts", None)
    wanted = sorted({_EXPECTED[name] for name in expected or () if name in _EXPECTED})
    found = text[offset:].split(None, 1)
    what = f"{found[0][:40]!r} is out of place" if found else "something is missing at the end"
    hint = _HINTS.get(found[0], _HINTS.get(found[0][0], "")) if found else ""
    expectation = f"; {hint}" if hint else f"; expected {' or '.join(wanted)}" if wanted else ""
    return Unreadable(offset, what + expectation)
