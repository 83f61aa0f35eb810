"""``WAIT`` times: products and sums of numbers, parsed by hand. Pure."""

from __future__ import annotations

import re

LONGEST_SECONDS = 366 * 86400.0
"""A longer wait is a typing error."""
_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d*)?|\.\d+)|([-+*/()]))")
_DEEPEST = 20


class ExpressionWrong(ValueError):
    """The text is no sum of products of numbers; says where."""


def seconds(text: str) -> float:
    """The value of ``text`` as 2 * 3600 + 60, in seconds. Raises :class:`ExpressionWrong`."""
    parser = _Parser(_tokens(text), text)
    value = parser.sum(0)
    parser.end()
    if not 0 <= value <= LONGEST_SECONDS:
        raise ExpressionWrong(f"{text!r} is {value:g} seconds; a wait takes 0 to {LONGEST_SECONDS:g}")
    return value


def _tokens(text: str) -> list[str]:
    tokens, place = [], 0
    while text[place:].strip():
        found = _TOKEN.match(text, place)
        if found is None:
            raise ExpressionWrong(f"{text!r}: {text[place:].strip()[:20]!r} is neither a number nor one of + - * / ( )")
        tokens.append(found[1] or found[2])
        place = found.end()
    return tokens


class _Parser:
    """One token after the other; each rule takes what belongs to it."""

    def __init__(self, tokens: list[str], text: str) -> None:
        self._tokens, self._text = tokens, text

    def sum(self, depth: int) -> float:
        value = self._product(depth)
        while self._next() in ("+", "-"):
            value = value + self._product(depth) if self._take() == "+" else value - self._product(depth)
        return value

    def end(self) -> None:
        if self._tokens:
            raise ExpressionWrong(f"{self._text!r}: {self._tokens[0]!r} is not expected there")

    def _product(self, depth: int) -> float:
        value = self._number(depth)
        while self._next() in ("*", "/"):
            if self._take() == "*":
                value *= self._number(depth)
                continue
            divisor = self._number(depth)
            if divisor == 0:
                raise ExpressionWrong(f"{self._text!r} divides by 0")
            value /= divisor
        return value

    def _number(self, depth: int) -> float:
        taken = self._take()
        if taken == "(":
            if depth == _DEEPEST:
                raise ExpressionWrong(f"{self._text!r}: more than {_DEEPEST} parentheses in each other")
            value = self.sum(depth + 1)
            if self._next() != ")":
                raise ExpressionWrong(f"{self._text!r}: a parenthesis is not closed")
            self._take()
            return value
        if taken in "+-*/)":
            raise ExpressionWrong(f"{self._text!r}: a number is expected, not {taken!r}")
        return float(taken)

    def _next(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def _take(self) -> str:
        if not self._tokens:
            raise ExpressionWrong(
                f"{self._text!r}: a number is expected at the end" if self._text.strip() else "no seconds are given"
            )
        return self._tokens.pop(0)
