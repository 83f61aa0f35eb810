"""A version of a server elsewhere, and its tables as they come over the network."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pyarrow as pa

from inventory.schema import TABLES
from inventory.snapshot import Snapshot


class FetchedSnapshot(Snapshot):
    """A version of which tables are fetched, by name and version, when they are first wanted."""

    def __init__(self, fetch: Callable[[str, int], pl.DataFrame], version: int, time: int) -> None:
        self._fetch = fetch
        super().__init__({}, version, time)

    def table(self, name: str) -> pl.LazyFrame:
        """The table ``name`` with the columns that ``schema.TABLES`` declares."""
        return self.frame(name).lazy()

    def frame(self, name: str, *columns: str) -> pl.DataFrame:
        """The same, fetched once."""
        if name not in self._frames:
            self._frames[name] = self._fetch(name, self.version)
        return self._frames[name].select(columns) if columns else self._frames[name]


def typed(name: str, table: pa.Table) -> pl.DataFrame:
    """Rows of the table ``name``, which come with the codes of enumerations, with the types that ``schema.TABLES`` declares."""
    return pl.DataFrame(pl.from_arrow(table, rechunk=False)).select(
        pl.col(column).cat.to(kind) if isinstance(kind, pl.Enum) else pl.col(column).cast(kind)
        for column, kind in TABLES[name].schema.items()
    )
