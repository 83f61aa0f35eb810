"""The resolved change of one log record: rows by id, the same for every follower, and its form as bytes."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from inventory.packing import pack, unpack
from inventory.schema import TABLES


@dataclass(frozen=True)
class Delta:
    """``puts``: full rows by table; ``deletes``: keys by table; ``next_ids``: first free ids after it.

    A key in both is put: deletes are what is gone in the end.
    """

    puts: dict[str, pl.DataFrame] = field(default_factory=dict)
    deletes: dict[str, pl.DataFrame] = field(default_factory=dict)
    next_ids: dict[str, int] = field(default_factory=dict)

    def tables(self) -> list[str]:
        """Names of the tables it touches, in the order of the schema."""
        return [name for name in TABLES if name in self.puts or name in self.deletes]

    def counts(self) -> dict[str, dict[str, int]]:
        """Number of rows put and deleted by table."""
        counts = {}
        for name in self.tables():
            put = self.puts[name].height if name in self.puts else 0
            deleted = self.deletes[name].height if name in self.deletes else 0
            counts[name] = {"put": put, "deleted": deleted}
        return counts

    def touched(self, name: str) -> pl.DataFrame:
        """Keys of the rows of table ``name`` that it puts or deletes."""
        key = list(TABLES[name].key)
        keys = [frame[name].select(key) for frame in (self.puts, self.deletes) if name in frame]
        return pl.concat(keys) if keys else pl.DataFrame(schema={k: TABLES[name].schema[k] for k in key})

    def applied_to(self, name: str, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows of table ``name`` after it, sorted by key."""
        if name not in self.puts and name not in self.deletes:
            return rows
        key = list(TABLES[name].key)
        kept = rows.join(self.touched(name), on=key, how="anti")
        put = [self.puts[name]] if name in self.puts else []
        return pl.concat([kept, *put]).sort(key)

    def to_bytes(self) -> bytes:
        """Compressed form for the log."""
        frames = [("put", name, frame) for name, frame in self.puts.items()]
        frames += [("delete", name, frame) for name, frame in self.deletes.items()]
        return pack({"next_ids": self.next_ids}, frames)

    @classmethod
    def from_bytes(cls, data: bytes) -> Delta:
        """The inverse of :meth:`to_bytes`."""
        about, frames = unpack(data)
        puts = {name: frame for kind, name, frame in frames if kind == "put"}
        deletes = {name: frame for kind, name, frame in frames if kind == "delete"}
        return cls(puts, deletes, about["next_ids"])


def difference(name: str, before: pl.DataFrame, after: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of ``after`` that are new or changed, and keys of rows of ``before`` that are gone."""
    key = list(TABLES[name].key)
    columns = TABLES[name].schema.names()
    if before.is_empty():
        return after.select(columns).sort(key), before.select(key)
    put = after.select(columns).join(before, on=columns, how="anti", nulls_equal=True).sort(key)
    return put, before.select(key).join(after, on=key, how="anti").sort(key)
