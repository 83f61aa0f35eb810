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

_LATEST = 2**33
_LINES = pl.Schema({"cycle": pl.Int64, "started": pl.Int64, "number": pl.Int32, "policy": pl.String, "line": pl.String})


@dataclass(frozen=True)
class Read:
    """What the lines of some cycles did: ``sums`` and ``texts`` as ``lines.accounts`` takes them, by site where that was asked for.

    ``cycles``: how many were read, ``missing``: numbers of those whose decisions are not kept; ``first``, ``last``: when the
    first and the last of all began (UTC seconds).
    """

    sums: pl.DataFrame
    texts: pl.DataFrame
    by_site: bool
    cycles: int
    missing: tuple[int, ...]
    first: int
    last: int

    def accounts(self, per: str | None = None) -> pl.DataFrame:
        """The account of every line, see ``lines.accounts``."""
        return accounts(self.sums.lazy(), self.texts, self.by_site, per)


def read(partition: str, since: int | None = None, until: int | None = None, by_site: bool = False) -> Read:
    """The partition's cycles that began from ``since`` to before ``until`` (UTC seconds) and ended well; no test runs.

    Raises CycleUnknown where there are none, FrameDamaged.
    """
    chosen = ended().filter(partition=partition).order_by("id")
    if since is not None:
        chosen = chosen.filter(started__gte=_moment(since))
    if until is not None:
        chosen = chosen.filter(started__lt=_moment(until))
    cycles = list(chosen.only("id", "started", "policy_file", "lines"))
    if not cycles:
        raise CycleUnknown(f"no cycle of {partition[:100]!r} in that time; `detox cycles` lists those that there are")
    paths = {cycle.pk: path for cycle in cycles if (path := _sums_of(cycle.pk)) is not None}
    try:
        sums = _sums(paths, by_site)
    except (OSError, pl.exceptions.PolarsError) as error:
        span = f"cycles {cycles[0].pk} to {cycles[-1].pk}"
        raise parquet.FrameDamaged(f"what lines did in {span} cannot be read: {error}") from error
    first, last = (int(cycle.started.timestamp()) for cycle in (cycles[0], cycles[-1]))
    missing = tuple(cycle.pk for cycle in cycles if cycle.pk not in paths)
    texts = _texts(cycle for cycle in cycles if cycle.pk in paths)
    return Read(sums, texts, by_site, len(paths), missing, first, last)


def _moment(seconds: int) -> datetime:
    """The moment, within what databases know."""
    return datetime.fromtimestamp(min(max(seconds, 0), _LATEST), UTC)


def _sums_of(cycle: int) -> Path | None:
    """Where the sums of the cycle are; those of one that kept only its decisions are made now. None: it kept nothing."""
    if not history.is_kept(cycle, "lines"):
        if not history.is_kept(cycle, "decisions"):
            return None
        history.keep(cycle, {"lines": line_sums(history.read(cycle, "decisions"))})
    return history.path_of(cycle, "lines")


def _sums(paths: dict[int, Path], by_site: bool) -> pl.DataFrame:
    """The sums of all cycles: cycle, number, decision, [site], num_replicas, size."""
    keys = ["decision", "line", *(["site"] if by_site else [])]
    schema = {name: history.FRAMES["lines"][name] for name in keys}
    if not paths:
        return pl.DataFrame(schema={"cycle": pl.Int64, **schema, "num_replicas": pl.Int64, "size": pl.Int64}).rename(
            {"line": "number"}
        )
    numbers = pl.LazyFrame({"path": [str(path) for path in paths.values()], "cycle": list(paths)})
    rows = pl.scan_parquet(list(paths.values()), include_file_paths="path", glob=False)
    # Summed file by file before anything is joined: paths are long, and there are many rows.
    few = rows.group_by("path", *keys).agg(pl.col("num_replicas", "size").cast(pl.Int64).sum())
    return (
        few.join(numbers, on="path").select("cycle", *keys, "num_replicas", "size").rename({"line": "number"}).collect()
    )


def _texts(cycles: Iterable[Cycle]) -> pl.DataFrame:
    rows = [
        (cycle.pk, int(cycle.started.timestamp()), int(number), Path(cycle.policy_file).name, line_text(text))
        for cycle in cycles for number, text in cycle.lines.items()
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=_LINES, orient="row")
