"""The blocking client, the awaited one and the command can do the same."""

from __future__ import annotations

import ast
from pathlib import Path

import dynamo_client.command
from dynamo_client import AsyncDynamo, Dynamo
from dynamo_client.descriptors import listing, verb
from dynamo_client.verbs import Verbs

COMMANDS = Path(dynamo_client.command.__path__[0])
ONLY_PYTHON = {"injection", "invalidation", "files", "set_quotas"}
"""What programs ask for again and again, or has a command of the server's."""


def verbs(kind: type) -> dict[str, object]:
    names = [name for name in dir(kind) if not name.startswith("_")]
    return {name: found for name in names if isinstance(found := getattr(kind, name), verb | listing)}


def test_both_clients_have_the_same_verbs_with_the_same_parameters() -> None:
    assert verbs(Dynamo)
    assert verbs(Dynamo) == verbs(AsyncDynamo) == verbs(Verbs)
    shared = set(verbs(Verbs)) | {"carry_out", "iterate", "close", "url"}
    for kind in (Dynamo, AsyncDynamo):
        assert {name for name in dir(kind) if not name.startswith("_")} == shared


def test_the_command_can_do_what_the_clients_can() -> None:
    used = {
        node.attr
        for file in COMMANDS.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
    }
    assert {name for name in verbs(Verbs) if name not in used} == ONLY_PYTHON
