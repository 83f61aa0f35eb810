"""JSON of many rows at once: a column of texts, made by Polars, instead of an object for every row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl


def encoded(*columns: pl.Expr | str) -> pl.Expr:
    """Each row's ``columns`` as the JSON text of an object, in this order."""
    return pl.struct(*columns).struct.json_encode()


def with_list(head: pl.Expr, name: str, elements: pl.Expr) -> pl.Expr:
    """The JSON objects of ``head`` with one more member: the list of the JSON texts in the list column ``elements``."""
    return pl.concat_str(
        head.str.head(-1), pl.lit(f', "{name}": ['), elements.list.join(", ", ignore_nulls=True), pl.lit("]}")
    )


def yes_no(condition: pl.Expr) -> pl.Expr:
    """``y`` or ``n``, as PhEDEx says it."""
    return pl.when(condition).then(pl.lit("y")).otherwise(pl.lit("n"))


def lower(column: str) -> pl.Expr:
    """A status or kind as clients know it; policies, and this inventory, write them in capitals."""
    return pl.col(column).cast(pl.String).str.to_lowercase()


def joined(rows: pl.Series) -> str:
    """The JSON texts with commas between."""
    return ", ".join(rows.to_list())


def listed(parts: Iterable[str], member: str = "") -> Iterator[str]:
    """A JSON list of what the ``parts`` hold (elements with commas between, or nothing), inside an object under ``member``, if given."""
    yield f'{{"{member}": [' if member else "["
    between = ""
    for part in parts:
        if part:
            yield between + part
            between = ", "
    yield "]}" if member else "]"
