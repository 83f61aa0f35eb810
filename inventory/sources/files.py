"""Sources that are files below the source directory (``DYNAMO_SOURCE_DIR``)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from django.conf import settings

from inventory.sources.attributes import ATTRIBUTES, MOST_BYTES, typed
from inventory.sources.base import Context, SourceWrong
from inventory.sources.reading import parse, read_bytes


def below(path: str) -> Path:
    """A path within the source directory. Raises SourceWrong for one that leads out of it."""
    directory = Path(settings.SOURCE_DIR).resolve()
    usable = bool(path) and "\0" not in path and not Path(path).is_absolute()
    found = (directory / path).resolve() if usable else directory
    if directory not in found.parents:
        raise SourceWrong(f"path: {path[:100]!r} does not lead to a file below {directory} (DYNAMO_SOURCE_DIR)")
    return found


def check_columns(columns: dict[str, str]) -> None:
    """Raise SourceWrong for a renaming of columns that makes no sense."""
    known = {"dataset", *ATTRIBUTES}
    unknown = sorted(set(columns) - known)
    if unknown or (columns and ("dataset" not in columns or len(columns) < 2)):
        raise SourceWrong(
            f"columns: {', '.join(map(repr, unknown)) or 'incomplete'}; give what dataset and some of {', '.join(ATTRIBUTES)} are called there"
        )


@dataclass(frozen=True)
class _TableFile:
    """``path``: of the file below the source directory; ``columns``: what ours are called there, empty: the same."""

    path: str = ""
    columns: dict[str, str] = field(default_factory=dict)

    _format = ""

    def check(self) -> None:
        """The path stays below the directory; the columns are ours."""
        below(self.path)
        check_columns(self.columns)

    def provides(self) -> tuple[str, ...]:
        """What ``columns`` names, else any."""
        return tuple(name for name in self.columns if name != "dataset") or ATTRIBUTES

    def fetch(self, context: Context) -> pl.DataFrame:
        """The rows of the file."""
        path = below(self.path)
        return typed(parse(read_bytes(path, MOST_BYTES), self._format, str(path)), str(path), self.columns)


@dataclass(frozen=True)
class CsvFile(_TableFile):
    """A CSV file with a header line."""

    _format = "csv"


@dataclass(frozen=True)
class ParquetFile(_TableFile):
    """A Parquet file."""

    _format = "parquet"
