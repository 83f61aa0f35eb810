"""What a SELECT would reach besides the inventory's tables, from DuckDB's own parse of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import duckdb

from inventory.schema import TABLES

_TABLE_FUNCTIONS = {"range", "generate_series", "unnest", "repeat", "repeat_row"}
_FUNCTIONS = {"current_setting", "getenv", "getvariable", "which_secret", "write_log", "nextval", "currval", "query"}
"""Functions that tell of the process, or change it."""


def reached(connection: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    """Tables, table functions and functions of ``sql`` that it must not use. Raises duckdb.Error for what is no SELECT."""
    (text,) = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()[0]
    tree = json.loads(text)
    if tree.get("error"):
        raise duckdb.ParserException(str(tree.get("error_message", "this cannot be read")))
    nodes = list(_nodes(tree))
    known = {*TABLES, *(str(entry["key"]).lower() for node in nodes for entry in _named_parts(node))}
    return sorted({name for node in nodes for name in _foreign(node, known)})


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    for value in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _nodes(value)


def _named_parts(node: dict[str, Any]) -> list[dict[str, Any]]:
    """Names that ``WITH`` gives."""
    return list((node.get("cte_map") or {}).get("map") or ())


def _foreign(node: dict[str, Any], known: set[str]) -> Iterator[str]:
    kind = node.get("type")
    if kind == "BASE_TABLE":
        parts = [str(node.get(name) or "") for name in ("catalog_name", "schema_name", "table_name")]
        if parts[0] or parts[1] or parts[2].lower() not in known:
            yield ".".join(filter(None, parts))
    elif kind == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name")).lower()
        if name not in _TABLE_FUNCTIONS:
            yield name
    elif kind == "SHOW_REF" and str(node.get("table_name") or "").strip('"').lower() not in known | {""}:
        yield str(node["table_name"])
    elif node.get("class") == "FUNCTION" and str(node.get("function_name")).lower() in _FUNCTIONS:
        yield str(node["function_name"])
