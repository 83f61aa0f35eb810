"""The accounts of lines over kept cycles: reads what each cycle kept, and hands it to ``lines.py``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from detox import history
from detox.compare import line_text
from detox.lines import accounts, line_sums
from detox.models import Cycle
from detox.monitor import CycleUnknown, ended
from inventory import parquet

_SUMS = ["site", "decision", "line", "num_replicas", "size"]
_LINES = pl.Schema({"cycle": pl.Int64, "started": pl.Int64, "number": pl.Int32, "policy": pl.String, "line": pl.String})


@dataclass(frozen=True)
class Accounts:
    """``lines``: see ``lines.accounts``; ``cycles``: how many were read, ``missing``: numbers of those whose decisions are not kept."""

    lines: pl.DataFrame
    cycles: int
    missing: tuple[int, ...]
    first: int
    last: int


def of_partition(
    partition: str, since: int | None = None, until: int | None = None, by_site: bool = False, per: str | None = None
) -> Accounts:
    """Accounts over the partition's cycles that began from ``since`` to before ``until`` (UTC seconds) and ended well; no test runs.

    Raises CycleUnknown where there are none, FrameDamaged.
    """
    chosen = ended().filter(partition=partition).order_by("id")
    if since is not None:
        chosen = chosen.filter(started__gte=datetime.fromtimestamp(since, UTC))
    if until is not None:
        chosen = chosen.filter(started__lt=datetime.fromtimestamp(until, UTC))
    cycles = list(chosen.only("id", "started", "policy_file", "lines"))
    if not cycles:
        raise CycleUnknown(f"no cycle of {partition[:100]!r} in that time; `detox cycles` lists those that there are")
    paths = {cycle.pk: path for cycle in cycles if (path := _sums_of(cycle.pk)) is not None}
    kept = [cycle for cycle in cycles if cycle.pk in paths]
    missing = tuple(cycle.pk for cycle in cycles if cycle.pk not in paths)
    try:
        found = accounts(_sums(paths), _texts(kept), by_site, per)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise parquet.FrameDamaged(
            f"what lines did in cycles {cycles[0].pk} to {cycles[-1].pk} cannot be read: {error}"
        ) from error
    times = [int(cycle.started.timestamp()) for cycle in cycles]
    return Accounts(found, len(kept), missing, times[0], times[-1])


def _sums_of(cycle: int) -> Path | None:
    """Where the sums of the cycle are; those of one that kept only its decisions are made now. None: it kept nothing."""
    if not history.is_kept(cycle, "lines"):
        if not history.is_kept(cycle, "decisions"):
            return None
        history.keep(cycle, {"lines": line_sums(history.read(cycle, "decisions"))})
    return history.path_of(cycle, "lines")


def _sums(paths: dict[int, Path]) -> pl.LazyFrame:
    """The sums of all cycles, with the number of each."""
    if not paths:
        schema = history.FRAMES["lines"]
        return pl.LazyFrame(schema={"cycle": pl.Int64, "number": pl.Int32, **{name: schema[name] for name in _SUMS}})
    numbers = pl.LazyFrame(
        {"path": [str(path) for path in paths.values()], "cycle": list(paths)}, {"path": pl.String, "cycle": pl.Int64}
    )
    read = pl.scan_parquet(list(paths.values()), include_file_paths="path", glob=False).select("path", *_SUMS)
    # Summed file by file before anything is joined: paths are long, and there are many rows.
    few = read.group_by("path", "site", "decision", "line").agg(pl.col("num_replicas", "size").sum())
    return few.join(numbers, on="path").select("cycle", *_SUMS).rename({"line": "number"})


def _texts(cycles: Iterable[Cycle]) -> pl.DataFrame:
    rows = [
        (cycle.pk, int(cycle.started.timestamp()), int(number), Path(cycle.policy_file).name, line_text(text))
        for cycle in cycles for number, text in cycle.lines.items()
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=_LINES, orient="row")
