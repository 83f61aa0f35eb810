"""From the text of a condition to predicates: names, operators and operands checked against the table of variables."""

from __future__ import annotations

import fnmatch
import re
import time
import warnings
from dataclasses import dataclass

import polars as pl
from lark import Token, Tree

from inventory.policy.errors import Mistake, TimeError, nearest
from inventory.policy.grammar import Unreadable, condition_tree
from inventory.policy.model import Condition, Operand, Predicate
from inventory.policy.patterns import bounded_regex_matches
from inventory.policy.times import parse_time
from inventory.policy.variables import VARIABLES, Variable, variables_for

_PLACES = {
    "site": "`On`, `When`, `Until` and whatever else chooses sites speak of sites only",
    "block": "its value is known inside a cycle only, and partitions and rules choose block replicas outside of cycles",
    "replica": "it is of a site as a whole, for `On`, `When`, `Until` and whatever else chooses sites",
}

BY_TYPE: dict[str, tuple[str, ...]] = {
    "text": ("==", "!=", "=~", "!=~", "in", "notin"),
    "enum": ("==", "!=", "=~", "!=~", "in", "notin"),
    "bool": ("true", "not"),
    "number": ("==", "!=", "<", ">", "in", "notin"),
    "bytes": ("==", "!=", "<", ">", "in", "notin"),
    "seconds": ("==", "!=", "<", ">", "in", "notin"),
    "time": ("older_than", "newer_than"),
}
"""Operators of each type of variable."""

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_MAX_REGEX = 4000
_OPERATOR_WORDS = {"==", "!=", "=~", "!=~", "<", ">", "older_than", "newer_than", "in", "notin", "or", "&&", "||"}


@dataclass(frozen=True)
class Source:
    """A line of a file, for telling where a mistake is."""

    file: str
    line: int
    text: str

    def mistake(self, offset: int, what: str) -> Mistake:
        return Mistake(self.file, self.line, offset + 1, what, self.text)


def read_condition(source: Source, start: int, context: str, mistakes: list[Mistake]) -> Condition | None:
    """The condition from ``start`` to the line's end. Adds what is wrong to ``mistakes``; None when it cannot be read."""
    text = source.text[start:]
    try:
        tree = condition_tree(text)
    except Unreadable as error:
        mistakes.append(source.mistake(start + error.offset, error.what))
        return None
    reader = _Reader(source, start, context, mistakes)
    predicates: list[Predicate] = []
    bounds: dict[str, str | None] = {"until": None, "from": None}
    for node in tree.children:
        if not isinstance(node, Tree):
            continue
        if node.data == "bound":
            reader.bound(node, bounds)
        elif predicate := reader.predicate(node):
            predicates.append(predicate)
    return Condition(tuple(predicates), bounds["until"], bounds["from"], text.strip())


@dataclass(frozen=True)
class _Reader:
    source: Source
    start: int
    context: str
    mistakes: list[Mistake]

    def _wrong(self, token: Token, what: str, further: int = 0) -> None:
        self.mistakes.append(self.source.mistake(self.start + (token.start_pos or 0) + further, what))

    def bound(self, node: Tree[Token], bounds: dict[str, str | None]) -> None:
        word, operand = (child for child in node.children if isinstance(child, Token))
        if bounds[str(word)] is not None:
            self._wrong(word, f"a second `{word}`")
        bounds[str(word)] = self._time(operand)

    def predicate(self, node: Tree[Token]) -> Predicate | None:
        tokens = [child for child in node.children if isinstance(child, Token)]
        name = next(token for token in tokens if token.type == "NAME")
        variable = self._variable(name)
        if variable is None:
            return None
        operator = {"plain": "true", "negated": "not"}.get(node.data) or str(tokens[1])
        if not self._fits(variable, operator, tokens):
            return None
        found = len(self.mistakes)
        operand = self._operand(variable, operator, tokens[2:])
        if len(self.mistakes) > found:
            return None
        if variable.type == "enum":
            operator = {"==": "==", "!=": "!=", "=~": "in", "!=~": "notin"}.get(operator, operator)
            if isinstance(operand, tuple):
                operator = {"==": "in", "!=": "notin"}.get(operator, operator)
        return Predicate(str(name), operator, operand, self.source.line, self.start + (name.start_pos or 0) + 1)

    def _variable(self, name: Token) -> Variable | None:
        variable = VARIABLES.get(str(name))
        if variable is None:
            allowed = variables_for(self.context)
            self._wrong(name, f"unknown variable {str(name)[:60]}{nearest(name, allowed)}")
        elif why := misplaced(variable, self.context):
            self._wrong(name, f"{name} cannot be used here: {why}")
            return None
        return variable

    def _fits(self, variable: Variable, operator: str, tokens: list[Token]) -> bool:
        operators = BY_TYPE[variable.type]
        if operator in operators:
            return True
        if operator in ("true", "not"):
            self._wrong(
                tokens[-1], f"{variable.name} is a {variable.type}, not a boolean: it needs {' '.join(operators)}"
            )
        elif variable.type == "bool":
            self._wrong(
                tokens[1], f"{variable.name} is true or false: write `{variable.name}` or `not {variable.name}`"
            )
        else:
            kind = f"{variable.name} is a {variable.type}"
            self._wrong(tokens[1], f"{kind}: {operator} does not apply; it needs {' '.join(operators)}")
        return False

    def _operand(self, variable: Variable, operator: str, tokens: list[Token]) -> Operand:
        if not tokens:
            return None if operator in ("true", "not") else ()
        if operator in ("older_than", "newer_than"):
            return self._time(tokens[0])
        if operator in ("in", "notin"):
            return self._list(variable, tokens)
        token = tokens[0]
        if variable.type in ("number", "bytes", "seconds"):
            return self._number(token)
        self._check_words(token)
        if operator in ("=~", "!=~"):
            return self._regex(variable, token)
        return self._enum(variable, token) if variable.type == "enum" else str(token)

    def _list(self, variable: Variable, tokens: list[Token]) -> Operand:
        for token in tokens:
            if "," in token:
                self._wrong(token, "items of a list are separated by blanks, without commas", token.index(","))
        if variable.type == "text":
            return tuple(str(token) for token in tokens)
        if variable.type != "enum":
            return tuple(self._number(token) for token in tokens)
        values: dict[str, None] = {}
        for token in tokens:
            value = self._enum(variable, token)
            values |= dict.fromkeys(value if isinstance(value, tuple) else (value,))
        return tuple(values)

    def _enum(self, variable: Variable, token: Token) -> str | tuple[str, ...]:
        wanted = str(token).upper()
        if wanted in variable.values:
            return wanted
        matching = tuple(value for value in variable.values if fnmatch.fnmatchcase(value, wanted.replace("[", "[[]")))
        if not matching:
            known = ", ".join(variable.values)
            self._wrong(
                token, f"{variable.name} is never {str(token)[:40]}{nearest(token, variable.values)}; one of {known}"
            )
        return matching

    def _number(self, token: Token) -> float:
        if _NUMBER.fullmatch(token):
            return float(token)
        hint = "; there is only < and >, no <= or >=" if token.startswith("=") else ""
        self._wrong(token, f"a number is expected, not {str(token)[:40]!r}{hint}")
        return 0.0

    def _regex(self, variable: Variable, token: Token) -> Operand:
        if why := regex_mistake(str(token)):
            self._wrong(token, f"not a regular expression: {why}")
            return None
        if variable.type != "enum":
            return str(token)
        try:
            matching = tuple(
                pl.Series("v", variable.values).to_frame().filter(bounded_regex_matches(pl.col("v"), str(token)))["v"]
            )
        except re.error as error:
            self._wrong(token, f"not a regular expression for named values: {error}")
            return None
        if not matching:
            self._wrong(token, f"matches no value of {variable.name}; one of {', '.join(variable.values)}")
        return matching

    def _time(self, token: Token) -> str:
        try:
            parse_time(str(token), int(time.time()))
        except TimeError as error:
            self._wrong(token, str(error))
        return str(token)

    def _check_words(self, token: Token) -> None:
        """A forgotten ` and ` would silently become part of the operand, which would then never match."""
        for word in re.finditer(r"\S+", token):
            if word.start() and (word[0] in _OPERATOR_WORDS or word[0] in VARIABLES):
                hint = (
                    "there is no `or`: write two lines" if word[0] in ("or", "||") else "is an `and` missing before it?"
                )
                self._wrong(token, f"{word[0]!r} inside a value; {hint}", word.start())
                return


def misplaced(variable: Variable, context: str) -> str:
    """Why the variable cannot stand in a condition of that context ("site", "block", "replica"); empty when it can."""
    return "" if context in variable.contexts else _PLACES[context]


def regex_mistake(pattern: str) -> str:
    """Why the pattern is no regular expression (Python's); empty when it is one."""
    if len(pattern) > _MAX_REGEX:
        return f"longer than {_MAX_REGEX} characters"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, OverflowError) as error:
        return str(error)
    except RecursionError:
        return "nested too deeply"
    return ""
