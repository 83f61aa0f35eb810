"""Shell globs and regular expressions over text columns, meaning just what Python's ``fnmatch`` and ``re`` mean.

Polars' own engine (Rust) does the work where both engines agree; else Python's looks at each distinct value once. Python's
can take for ever over a pattern that was made for it: what strangers send goes through ``bounded_regex_matches``.
"""

from __future__ import annotations

import fnmatch
import re
from functools import lru_cache

import polars as pl
from polars.exceptions import PolarsError

_GLOB_CHARACTERS = frozenset("*?")
_SAFE = re.compile(
    r"""(?: [\w/#:;,=<>@%\ '"-]        # plain characters
      | \\[d./\\+*?()\[\]{}|^$-]       # digits and escaped punctuation
      | \(\?: | \((?!\?:) | [)|.]      # groups, alternatives, any character; never in two ways
      | \[\^?(?:[\w/#:.,]|\w-\w)+\]    # plain classes
      | [*+?]\??(?![*+?])              # repetitions, greedy or lazy
      | \{\d+(?:,\d*)?\}(?![*+?])
      | \$(?=[)|]|\Z)
    )*\Z""",
    re.VERBOSE | re.ASCII,
)
# What Rust takes, too, and means something else by: sets within classes, ends of words.
_OTHERWISE = re.compile(r"&&|--|~~|\[[^\]]*\[|\\[<>]|\\b\{")
_REMEMBERED = 1000


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


def bounded_regex_matches(column: pl.Expr, pattern: str) -> pl.Expr:
    """The same, for a pattern that is one, in a time that only the lengths bound; ``re.error`` if it needs Python's engine."""
    translated = _for_rust(pattern)
    if translated is None and not _OTHERWISE.search(pattern):
        translated = _understood(f"^(?:{_with_rusts_end(pattern)})")
    if translated is None:
        raise re.error("it is too complicated here; do without look-around, references back and nested sets")
    return column.str.contains(translated)


def _with_rusts_end(pattern: str) -> str:
    return re.sub(r"\\.", lambda found: r"\z" if found[0] == r"\Z" else found[0], pattern, flags=re.DOTALL)


@lru_cache(_REMEMBERED)
def _for_rust(pattern: str) -> str | None:
    """The same pattern for Polars; None where the two engines may differ."""
    if not _SAFE.match(pattern):
        return None
    at_end = re.sub(r"(\\.)|\$", lambda found: found[1] or r"(?:\n?\z)", pattern)
    return _understood(f"^(?:{at_end})")


def _understood(translated: str) -> str | None:
    """The pattern if Polars takes it."""
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
