"""Shell globs and regular expressions over text columns, meaning just what Python's ``fnmatch`` and ``re`` mean.

Polars' own engine (Rust) does the work where both engines agree; else Python's looks at each distinct value once.
"""

from __future__ import annotations

import fnmatch
import re
from functools import cache

import polars as pl
from polars.exceptions import PolarsError

_GLOB_CHARACTERS = frozenset("*?")
_SAFE = re.compile(
    r"""(?: [\w/#:;,=<>@%\ '"-]        # plain characters
      | \\[d./\\+*?()\[\]{}|^$-]       # digits and escaped punctuation
      | \(\?: | [()|.]                 # groups, alternatives, any character
      | \[\^?(?:[\w/#:.,]|\w-\w)+\]    # plain classes
      | [*+?]\??(?![*+?])              # repetitions, greedy or lazy
      | \{\d+(?:,\d*)?\}(?![*+?])
      | \$(?=[)|]|\Z)
    )*\Z""",
    re.VERBOSE | re.ASCII,
)


def is_glob(text: str) -> bool:
    """Whether ``text`` has a ``*`` or ``?``, which make it a glob."""
    return not _GLOB_CHARACTERS.isdisjoint(text)


def glob_matches(column: pl.Expr, glob: str) -> pl.Expr:
    """Whether the whole value matches the shell glob."""
    if "[" in glob:
        return _by_distinct_values(column, re.compile(fnmatch.translate(glob)))
    pieces = glob.split("*")
    if "?" in glob or len(pieces) > 2:
        body = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in glob)
        matched = column.str.contains(f"(?s)^{body}\\z")
        return matched if "?" in pieces[-1] else column.str.ends_with(pieces[-1]) & matched
    if len(pieces) == 1:
        return column == glob
    fits = column.str.starts_with(pieces[0]) & column.str.ends_with(pieces[1])
    return fits & (column.str.len_bytes() >= len((pieces[0] + pieces[1]).encode()))


def regex_matches(column: pl.Expr, pattern: str) -> pl.Expr:
    """Whether the regular expression matches at the start of the value; raises ``re.error`` for one that is none."""
    compiled = re.compile(pattern)
    translated = _for_rust(pattern)
    if translated is None:
        return _by_distinct_values(column, compiled)
    return column.str.contains(translated)


@cache
def _for_rust(pattern: str) -> str | None:
    """The same pattern for Polars; None where the two engines may differ."""
    if not _SAFE.match(pattern):
        return None
    at_end = re.sub(r"(\\.)|\$", lambda found: found[1] or r"(?:\n?\z)", pattern)
    translated = f"^(?:{at_end})"
    try:
        pl.select(pl.lit("").str.contains(translated))
    except PolarsError:
        return None
    return translated


def _by_distinct_values(column: pl.Expr, pattern: re.Pattern[str]) -> pl.Expr:
    def matches(values: pl.Series) -> pl.Series:
        distinct = values.cast(pl.String).unique().drop_nulls()
        found = [pattern.match(value) is not None for value in distinct.to_list()]
        if not found:
            return pl.Series(values.name, [False] * len(values), dtype=pl.Boolean)
        answers = pl.Series(found, dtype=pl.Boolean)
        return values.cast(pl.String).replace_strict(distinct, answers, default=False, return_dtype=pl.Boolean)

    return column.map_batches(matches, return_dtype=pl.Boolean)
