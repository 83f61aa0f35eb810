"""One version of the inventory, as frames by table name; immutable, cheap to open, shared by all readers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from inventory.schema import NO_GROUP_ID, NO_GROUP_NAME, TABLES, empty_frame

_NAME_OF = {"dataset_id": ("datasets", "dataset"), "site_id": ("sites", "site"), "group_id": ("groups", "group")}


class Snapshot:
    """Frames of one version; ``version`` is the number of the last log record in it, ``time`` that record's UTC seconds."""

    def __init__(self, tables: Mapping[str, pl.LazyFrame], version: int = 0, time: int = 0) -> None:
        self.version = version
        self.time = time
        self._tables = dict(tables)
        self._frames: dict[str, pl.DataFrame] = {}

    @classmethod
    def from_frames(cls, frames: Mapping[str, pl.DataFrame], version: int = 0, time: int = 0) -> Snapshot:
        """A snapshot of frames in memory; absent tables are empty. Frames must have the columns of ``schema.TABLES``."""
        complete = {name: frames.get(name, empty_frame(name)).select(TABLES[name].schema.names()) for name in TABLES}
        groups = complete["groups"]
        if NO_GROUP_ID not in groups["group_id"]:
            nobody = {"group_id": [NO_GROUP_ID], "name": [NO_GROUP_NAME], "level": ["Dataset"]}
            complete["groups"] = pl.concat([pl.DataFrame(nobody, schema=groups.schema), groups])
        return cls({name: frame.lazy() for name, frame in complete.items()}, version, time)

    def table(self, name: str) -> pl.LazyFrame:
        """The table ``name`` with the columns that ``schema.TABLES`` declares."""
        return self._tables[name]

    def frame(self, name: str, *columns: str) -> pl.DataFrame:
        """The same, collected once; some ``columns`` alone may cost much less than all."""
        if name not in self._frames:
            self._frames[name] = self._tables[name].collect()
        return self._frames[name].select(columns) if columns else self._frames[name]

    def named(self, name: str) -> pl.LazyFrame:
        """The table with names beside ids: ``dataset``, ``site``, ``group``, ``block``, ``lfn`` where it has their ids."""
        table = self.table(name)
        own = {"datasets": "dataset_id", "sites": "site_id", "groups": "group_id"}.get(name)
        for key, (other, label) in _NAME_OF.items():
            if key in TABLES[name].schema and key != own:
                table = table.join(
                    self.table(other).select(key, pl.col("name").alias(label)),
                    on=key,
                    how="left",
                    maintain_order="left",
                )
        if "block_id" in TABLES[name].schema and name != "blocks":
            blocks = self.table("blocks").select("block_id", pl.col("name").alias("block"))
            table = table.join(blocks, on="block_id", how="left", maintain_order="left")
        if name == "files":
            return table.with_columns(lfn())
        if name == "replica_files":
            return table.join(
                self.table("files").select("file_id", lfn()), on="file_id", how="left", maintain_order="left"
            )
        return table

    def pieces(self, name: str, *columns: str, since: int = 0) -> Iterator[pl.DataFrame]:
        """All or some columns of the table, some rows at a time, few at first; of the datasets from the id ``since`` on."""
        rows = self.frame(name)
        rows = rows.filter(pl.col("dataset_id") >= since) if since else rows
        yield rows.select(columns) if columns else rows

    def of_datasets(self, name: str, dataset_ids: pl.Series, *columns: str) -> pl.DataFrame:
        """All or some columns of the rows of the chunked table ``name`` that belong to the datasets with ``dataset_ids``."""
        rows = self.table(name).filter(pl.col("dataset_id").is_in(dataset_ids.implode())).collect()
        return rows.select(columns) if columns else rows

    def datasets_called(self, names: pl.Series) -> pl.Series:
        """Ids of the datasets with these names."""
        return self.table("datasets").filter(pl.col("name").is_in(names.implode())).collect()["dataset_id"]

    def files_called(self, lfns: pl.Series) -> pl.DataFrame:
        """Files with these LFNs: the columns of ``files``, and ``lfn``."""
        paths = pl.LazyFrame({"lfn": lfns.cast(pl.String)}).drop_nulls().unique().select(split_lfn())
        found = self.table("files").join(paths, on=["directory", "base_name"], how="semi", maintain_order="left")
        return found.with_columns(lfn()).collect()

    def row(self, table: str, name: str) -> dict[str, object] | None:
        """The row called ``name`` of groups, sites, partitions or datasets; None when there is none."""
        rows = self.table(table).filter(pl.col("name") == name).collect()
        return rows.row(0, named=True) if rows.height else None


def lfn() -> pl.Expr:
    """The whole LFN of a row with ``directory`` and ``base_name``."""
    return pl.format("{}/{}", "directory", "base_name").alias("lfn")


def split_lfn() -> tuple[pl.Expr, pl.Expr]:
    """Directory and base name of the column ``lfn``."""
    return (
        pl.col("lfn").str.replace(r"/[^/]*$", "").alias("directory"),
        pl.col("lfn").str.extract(r"([^/]*)$", 1).alias("base_name"),
    )
