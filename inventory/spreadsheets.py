"""CSV and TSV that is safe to open in a spreadsheet: names are chosen by others, and some would be taken for formulas."""

from __future__ import annotations

import polars as pl

_FORMULA = r"^ *[=+\-@\t\r\n]"


def harmless(text: pl.Expr) -> pl.Expr:
    """The texts, those that a spreadsheet would take for a formula with an apostrophe in front."""
    return pl.when(text.str.contains(_FORMULA)).then(pl.lit("'") + text).otherwise(text).name.keep()


def written(frame: pl.DataFrame, separator: str = ",") -> str:
    """The frame as CSV with a heading, harmless; what is to be read in again as it is (``inventory export``) is written otherwise."""
    safe = frame.with_columns(harmless(pl.col(pl.String)))
    titles = pl.DataFrame([list(frame.columns)], schema=["title"]).select(harmless(pl.col("title")))["title"]
    return safe.rename(dict(zip(frame.columns, titles, strict=True))).write_csv(separator=separator)
