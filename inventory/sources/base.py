"""What a source is, the kinds that there are, and how one is made of its configuration."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar, Protocol

import polars as pl

from inventory.errors import InventoryError
from inventory.snapshot import Snapshot
from inventory.tuning import TuningError, with_values

PLUGINS = "dynamo.attribute_sources"


class SourceFailed(InventoryError):
    """A source could not be read (now); the text says which, why, and what to do."""


class SourceWrong(InventoryError):
    """The configuration of a source cannot be used; the text says what is wrong and what is expected."""


@dataclass(frozen=True)
class Context:
    """What a fetch may look at. ``now``: UTC seconds; ``directory``: where the source keeps what it wants to find the next time."""

    now: int
    snapshot: Snapshot
    directory: Path


class Source(Protocol):
    """A frozen dataclass whose fields, all with defaults but what must be given, are the configuration of this kind."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def check(self) -> None:
        """Raise :class:`SourceWrong` for a configuration that can never work; nothing is read."""

    def provides(self) -> tuple[str, ...]:
        """The attributes that it gives, for the rules about failures; all where that cannot be known before."""

    def fetch(self, context: Context) -> pl.DataFrame:
        """Column ``dataset`` and attributes, typed as in ``attributes.typed``. Raises SourceFailed, ChangeRefused.

        Fetching the same again gives the same; what it keeps in ``directory`` must not depend on whether the answer is used.
        """


@cache
def kinds() -> dict[str, type[Source]]:
    """The kinds by name: built-in ones and those of installed packages. Raises ValueError for a name that is taken."""
    from inventory.sources.accesses import AccessLog
    from inventory.sources.files import CsvFile, ParquetFile
    from inventory.sources.http import HttpJson

    found: dict[str, type[Source]] = {
        "csv": CsvFile, "parquet": ParquetFile, "http-json": HttpJson, "access-log": AccessLog,
    }  # fmt: skip
    for plugin in entry_points(group=PLUGINS):
        if plugin.name in found:
            raise ValueError(f"attribute source {plugin.name}: there is one of that name already")
        found[plugin.name] = plugin.load()
    return found


def make(kind: str, configuration: dict[str, Any]) -> Source:
    """A source of a kind. Raises :class:`SourceWrong`."""
    known = kinds()
    if kind not in known:
        raise SourceWrong(f"there is no kind of source {kind[:60]!r}; there are {', '.join(sorted(known))}")
    if not isinstance(configuration, dict):
        raise SourceWrong("the configuration is not a JSON object")
    declaration = known[kind]
    try:
        source: Source = with_values(f"source {kind}", declaration, configuration)
    except (TuningError, TypeError) as error:
        raise SourceWrong(f"configuration: {str(error).replace('__init__() ', '')}") from error
    source.check()
    return source
