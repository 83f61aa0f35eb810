"""Arguments of a step as words, and ``$(NAME)`` in them. Pure; no shell ever sees them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping

_VARIABLE = re.compile(r"\$\(([^)]*)\)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class ArgumentsWrong(ValueError):
    """Arguments that cannot be taken apart, or name a variable that they may not; says which."""


def words(text: str) -> list[str]:
    """``text`` taken apart as a shell takes it apart, with quotes and backslashes. Raises :class:`ArgumentsWrong`."""
    if "\0" in text:
        raise ArgumentsWrong("a NUL cannot be in arguments")
    try:
        found = shlex.split(text)
    except ValueError as error:
        # Not the text: it may have secrets, and errors are kept and logged.
        raise ArgumentsWrong(f"cannot be taken apart: {error}") from error
    for name in variables(text):
        if not _NAME.match(name):
            raise ArgumentsWrong(f"$({name}) is no name of a variable")
    return found


def variables(text: str) -> list[str]:
    """Names in ``$(NAME)`` in ``text``, in order."""
    return _VARIABLE.findall(text)


def filled(text: str, environment: Mapping[str, str], allowed: Collection[str]) -> str:
    """``text`` with each ``$(NAME)`` replaced; only by ``allowed`` names, each of which must be set. Raises ArgumentsWrong."""

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name not in allowed:
            told = ", ".join(sorted(allowed)) or "none"
            raise ArgumentsWrong(f"$({name}) may not be used; DYNAMO_SEQUENCE_VARIABLES allows {told}")
        if name not in environment:
            raise ArgumentsWrong(f"$({name}) is not set in the environment of the worker")
        return environment[name]

    return _VARIABLE.sub(value, text)
