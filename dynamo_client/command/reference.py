"""The command's reference, as a manual page has it, made from the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from dynamo_client.command.app import EXIT_CODES, app
from dynamo_client.command.options import common
from dynamo_client.configuration import DEFAULT_URL, ENVIRONMENT

_EXAMPLES = re.compile(r"\n\nExamples?:\n\n```text\n(.*)\n```\Z", re.DOTALL)


def leaves() -> Iterator[tuple[str, Any]]:
    """Every command without further ones below it, with all its words."""
    yield from _below("dynamo", typer.main.get_command(app))


def manual() -> str:
    """All of it, in Markdown: commands, common options, environment, exit codes."""
    parts = [_section(path, one) for path, one in leaves()]
    parts += ["## Options of all commands\n", *_lines(one for one in _any_command().params if one.name in _COMMON)]
    parts += ["\n## Environment\n", *_environment(), "\n## Exit codes\n"]
    parts += [f"- `{code}`: {meaning}" for code, meaning in EXIT_CODES.items()]
    return "\n".join(parts) + "\n"


_COMMON = {name for name in common.__annotations__ if name != "return"}


def _below(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    commands = getattr(command, "commands", None)
    if commands is None:
        yield path, command
        return
    for name, one in commands.items():
        yield from _below(f"{path} {name}", one)


def _any_command() -> Any:
    return next(one for _, one in leaves())


def _section(path: str, command: Any) -> str:
    own = [one for one in command.params if one.name not in _COMMON and one.name != "help"]
    words = " ".join([path, *map(_word, own)])
    says, examples = _parted(command.help or "")
    lines = [f"## `{path}`\n", says, f"\n```\n{words}\n```\n", *_lines(own)]
    if examples:
        lines.append(f"\n```\n{examples}\n```")
    return "\n".join(lines) + "\n"


def _parted(text: str) -> tuple[str, str]:
    """What a help text says, and its examples."""
    found = _EXAMPLES.search(text)
    return (text[: found.start()], found[1]) if found else (text, "")


def _word(one: Any) -> str:
    many = "…" if one.nargs == -1 or one.multiple else ""
    if one.param_type_name == "argument":
        word = f"{one.name.upper()}{many}"
        return word if one.required else f"[{word}]"
    word = one.opts[0] if one.is_flag else f"{one.opts[0]} {_value(one)}{many}"
    return word if one.required else f"[{word}]"


def _value(one: Any) -> str:
    return str(one.metavar or one.name.upper())


def _lines(parameters: Any) -> list[str]:
    return [f"- {_names(one)}: {one.help}" for one in parameters if one.help]


def _names(one: Any) -> str:
    if one.param_type_name == "argument":
        return f"`{one.name.upper()}`"
    value = "" if one.is_flag else f" {_value(one)}"
    return ", ".join(f"`{name}{value}`" for name in one.opts)


def _environment() -> list[str]:
    lines = [
        f"- {' or '.join(f'`{variable}`' for variable in variables)}: `{name}` of the configuration"
        for name, variables in ENVIRONMENT.items()
    ]
    lines[0] += f" (without any: `{DEFAULT_URL}`)"
    return [
        *lines,
        "- `DYNAMO_PROFILE`: which profile of `config.toml`",
        "- `DYNAMO_CONFIG`: another file than `config.toml`",
    ]
