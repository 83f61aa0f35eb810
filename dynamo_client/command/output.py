"""What a command shows: a table for people at a terminal, else lines for other programs; JSON and CSV when asked for.

At a terminal: a table with headings, sizes in units. In a pipe: one line per row, tabs between the values, no heading, exact
numbers, no colours. ``--json``: what the server said. ``--csv``: with a heading, safe to open in a spreadsheet.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import chain, islice
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dynamo_client.command import text
from dynamo_client.decoding import Record

MOST_AT_A_TERMINAL = 1000
_NUMERIC = int | float
_NARROWEST, _PADDING = 16, 2
_BAD = {"failed", "rejected", "held", "refused", "killed", "down", "expired", "notfound", "authfailed"}
_GOOD = {"completed", "done", "ready", "applied", "leading", "following"}


@dataclass(frozen=True)
class Column:
    """A column: its heading, and how its value comes from a record."""

    title: str
    value: Callable[[Any], Any]

    @property
    def name(self) -> str:
        """As the heading of CSV."""
        return self.title.lower().replace(" ", "_")


class Output:
    """``form``: "" as fits what standard output is, "json", or "csv". ``limit``: the most rows of a listing (0: all; None: as fits)."""

    def __init__(self, form: str = "", limit: int | None = None) -> None:
        self.form = form
        self.terminal = sys.stdout.isatty()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                # A character that the other side does not know is no reason to end.
                stream.reconfigure(errors="replace")
        self._limit = limit
        self.screen = Console(highlight=False, soft_wrap=False)
        self.notes = Console(stderr=True, highlight=False)

    def rows(self, found: Iterable[Record], columns: Sequence[Column], nothing: str) -> None:
        """Records as they come; ``nothing`` is told to people when there are none."""
        records = self._limited(iter(found))
        if self.form == "json":
            self._json_list(record.raw for record in records)
            return
        if self.form == "csv":
            self._csv(records, columns)
            return
        first = next(records, None)
        if first is None:
            self.say(nothing)
            return
        records = chain([first], records)
        if self.terminal:
            self._table(records, columns)
            return
        for record in records:
            self.line("\t".join(text.harmless(text.told(column.value(record))) for column in columns))

    def one(self, record: Record, columns: Sequence[Column]) -> None:
        """One record: a value per line."""
        if self.form == "json":
            self.json(record.raw)
            return
        if self.form == "csv":
            self._csv([record], columns)
            return
        pairs = [(column.title, column.value(record)) for column in columns]
        if not self.terminal:
            for title, value in pairs:
                self.line(f"{title.lower()}\t{text.harmless(text.told(value))}")
            return
        self._pairs(pairs)

    def table_of(
        self,
        answer: Record,
        rows: Sequence[Mapping[str, Any]],
        nothing: str = "nothing",
        columns: Sequence[Column] = (),
    ) -> None:
        """``rows`` in an answer as a table, with ``columns`` or as the server has them; JSON has all of the answer."""
        if self.form == "json":
            self.json(answer.raw)
            return
        names = list(dict.fromkeys(name for row in rows for name in row))
        self.rows(map(Record.of, rows), columns or [raw_column(name) for name in names], nothing)

    def json(self, value: Any) -> None:
        """A value of the server's as it came."""
        self.line(json.dumps(value, indent=2, ensure_ascii=_ascii()))

    def json_line(self, value: Any) -> None:
        """A value of the server's in one line, for what comes bit by bit."""
        self.line(json.dumps(value, ensure_ascii=_ascii()))

    def line(self, content: str) -> None:
        """A line on standard output."""
        sys.stdout.write(content + "\n")

    def say(self, content: str) -> None:
        """A line for people, apart from the data: on standard error."""
        self.notes.print(Text(text.harmless(content)), soft_wrap=True)

    def _limited(self, records: Iterator[Record]) -> Iterator[Record]:
        at_a_terminal = self.terminal and not self.form
        most = self._limit if self._limit is not None else MOST_AT_A_TERMINAL if at_a_terminal else 0
        if not most:
            yield from records
            return
        yield from islice(records, most)
        if next(records, None) is not None:
            self.say(f"only the first {most} are shown; --limit 0 shows all")

    def _json_list(self, rows: Iterable[Any]) -> None:
        # Row by row: a listing may have millions.
        before = "["
        for row in rows:
            self.line(before)
            sys.stdout.write(json.dumps(row, ensure_ascii=_ascii()))
            before = ","
        self.line("[]" if before == "[" else "\n]")

    def _csv(self, records: Iterable[Record], columns: Sequence[Column]) -> None:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow([column.name for column in columns])
        for record in records:
            writer.writerow([text.cell(column.value(record)) for column in columns])

    def _table(self, records: Iterable[Record], columns: Sequence[Column]) -> None:
        rows = [[column.value(record) for column in columns] for record in records]
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        needed = 0
        for place, column in enumerate(columns):
            values = [row[place] for row in rows]
            numbers = all(isinstance(value, _NUMERIC) and not isinstance(value, bool) for value in values)
            table.add_column(column.title, justify="right" if numbers else "left", overflow="fold", no_wrap=numbers)
            widest = max(len(column.title), *(len(text.shown(value)) for value in values))
            needed += (widest if numbers else min(widest, _NARROWEST)) + _PADDING
        if needed > self.screen.width:
            # Columns of a few letters each would be no table: one value per line instead.
            for row in rows:
                self._pairs([(column.title, value) for column, value in zip(columns, row, strict=True)])
                self.screen.print()
            return
        for row in rows:
            table.add_row(*map(_styled, row))
        self.screen.print(table)

    def _pairs(self, pairs: Sequence[tuple[str, Any]]) -> None:
        grid = Table.grid(padding=(0, 2))
        for title, value in pairs:
            if value not in (None, "", (), [], {}):
                grid.add_row(Text(title, style="bold"), _styled(value))
        self.screen.print(grid)


def _ascii() -> bool:
    """Whether JSON has to escape what standard output cannot say."""
    return "utf" not in (sys.stdout.encoding or "utf-8").lower()


def raw_column(name: str) -> Column:
    """A field of the server's as it is."""
    return Column(name, lambda row: row.raw.get(name))


def _styled(value: Any) -> Text:
    content = text.shown(value)
    word = content.lower()
    return Text(content, style="red" if word in _BAD else "green" if word in _GOOD else "")
