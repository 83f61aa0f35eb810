"""A source that is a log of accesses: per file or dataset and day, from files that are added to as days go by.

Each file tells whole days: what a file that is newer (by its time, then its name) tells of a day replaces what was known of that day, so
that reading a file again changes nothing and late corrections are simply another file. Kept are the days (one Parquet file each).

    num_access   accesses in the last ``window`` days
    last_access  end of the last day with an access, or now if that is earlier
    usage_rank   days since the last access, update or block arrival, minus accesses per GB, each access counting half as much after
                 ``half_life`` days
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
from django.conf import settings

from inventory import parquet
from inventory.errors import ChangeRefused, Problem
from inventory.snapshot import Snapshot, split_lfn
from inventory.sources.attributes import MOST_BYTES
from inventory.sources.base import Context, SourceFailed, SourceWrong
from inventory.sources.reading import FORMATS, format_of, parse, read_bytes

_PROVIDED = ("num_access", "last_access", "usage_rank")
_MOST = 2**53
_DAY = 86400
_FIRST_DAY = date(1970, 1, 1)
_SHOWN = 20


@dataclass(frozen=True)
class AccessLog:
    """``path``: glob of files below the source directory (CSV, Parquet, JSON lines). ``attributes``: which are given.

    The files have a column ``day`` (2024-05-31), ``accesses`` (a whole number), and ``dataset`` or ``lfn``.
    ``window``: days that count; ``half_life``: in days, 0: no decay.
    """

    path: str = "accesses/*"
    window: int = 365
    half_life: float = 90.0
    attributes: tuple[str, ...] = _PROVIDED

    def check(self) -> None:
        """The path stays below the directory; days and attributes make sense."""
        if not self.path or "\0" in self.path or Path(self.path).is_absolute() or ".." in Path(self.path).parts:
            raise SourceWrong(f"path: {self.path[:100]!r} is not a glob of files below the source directory")
        if not 1 <= self.window <= 36500 or not 0 <= self.half_life <= 36500:
            raise SourceWrong("window is a number of days from 1, half_life one from 0 (no decay)")
        unknown = sorted(set(self.attributes) - set(_PROVIDED))
        if unknown or not self.attributes:
            raise SourceWrong(f"attributes: {', '.join(unknown) or 'none'}; there are {', '.join(_PROVIDED)}")

    def provides(self) -> tuple[str, ...]:
        """The attributes that are configured."""
        return self.attributes

    def fetch(self, context: Context) -> pl.DataFrame:
        """Read what is new, then tell all datasets of which an access is known."""
        days = _Days(context.directory)
        today = datetime.fromtimestamp(context.now, UTC).date()
        # East of Greenwich it is tomorrow already.
        days.read(_files(self.path), context.snapshot, today + timedelta(days=1))
        oldest = today - timedelta(days=self.window)
        days.forget_before(oldest)
        counted = _counted(days.known(), context.now, self.half_life)
        return _attributes(counted, context).select("dataset", *self.attributes)


def _files(pattern: str) -> list[Path]:
    """The files, the one that counts last at the end. Raises SourceFailed when there are none."""
    root = Path(settings.SOURCE_DIR).resolve()
    # A link may not lead out of the directory.
    found = [
        path
        for path in root.glob(pattern)
        if path.is_file() and path.suffix in FORMATS and root in path.resolve().parents
    ]
    if not found:
        raise SourceFailed(f"no file matches {pattern!r} below the source directory (endings: {', '.join(FORMATS)})")
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))


class _Days:
    """The kept days: ``YYYY-MM-DD.parquet`` (dataset, accesses), ``past.parquet`` (dataset, day: the last before those), ``read.json``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, files: list[Path], snapshot: Snapshot, last: date) -> None:
        """Take the files that are new or have changed, with days up to ``last``; nothing is kept before all have been read and are right."""
        seen = self._seen()
        stamps = {str(path): f"{path.stat().st_size}:{path.stat().st_mtime_ns}" for path in files}
        new = [path for path in files if seen.get(str(path)) != stamps[str(path)]]
        days: dict[date, pl.DataFrame] = {}
        for path in new:
            rows = _by_dataset(_rows(path, last), snapshot)
            days |= {key[0]: part for key, part in rows.partition_by("day", as_dict=True, include_key=False).items()}
        for day, rows in days.items():
            parquet.keep(rows.sort("dataset"), self._directory / f"{day}.parquet")
        if new:
            self._write(
                {
                    **{path: seen[path] for path in stamps if path in seen},
                    **{str(path): stamps[str(path)] for path in new},
                }
            )

    def forget_before(self, oldest: date) -> None:
        """Keep of days before ``oldest`` only when each dataset was accessed last."""
        old = [path for path in self._paths() if path.stem < f"{oldest}"]
        if old:
            used = [_of_day(path).filter(pl.col("accesses") > 0).drop("accesses") for path in old]
            past = pl.concat([self._past().lazy(), *used]).group_by("dataset").agg(pl.col("day").max())
            parquet.keep(past.sort("dataset").collect(), self._directory / "past.parquet")
        for path in old:
            path.unlink()

    def known(self) -> pl.LazyFrame:
        """All days: dataset, day, accesses, used (whether there was an access); those long ago count nothing."""
        past = self._past().lazy().select("dataset", "day", accesses=pl.lit(0, pl.Int64), used=pl.lit(True))
        days = [_of_day(path).with_columns(used=pl.col("accesses") > 0) for path in self._paths()]
        return pl.concat([past, *days])

    def _paths(self) -> list[Path]:
        return sorted(self._directory.glob("????-??-??.parquet"))

    def _past(self) -> pl.DataFrame:
        path = self._directory / "past.parquet"
        return parquet.read(path) if path.exists() else pl.DataFrame(schema={"dataset": pl.String, "day": pl.Date})

    def _seen(self) -> dict[str, str]:
        path = self._directory / "read.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def _write(self, seen: dict[str, str]) -> None:
        part = self._directory / "read.json.part"
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(seen))
            parquet.settle(part, self._directory / "read.json")
        except OSError as error:
            parquet.forget(part)
            raise parquet.FrameNotWritten(f"{part} cannot be written: {error}") from error


def _of_day(path: Path) -> pl.LazyFrame:
    return parquet.scanned(path).select(
        "dataset", day=pl.lit(date.fromisoformat(path.stem)), accesses=pl.col("accesses")
    )


def _rows(path: Path, last: date) -> pl.DataFrame:
    """The rows of one file: day (up to ``last``), dataset or lfn, accesses. Raises ChangeRefused with line and column of every mistake."""
    frame = parse(read_bytes(path, MOST_BYTES), format_of(path), str(path))
    subject = next((name for name in ("dataset", "lfn") if name in frame.columns), "dataset")
    missing = [name for name in ("day", subject, "accesses") if name not in frame.columns]
    if missing:
        raise ChangeRefused([Problem(str(path), f"has no column {name!r}") for name in missing])
    text = pl.String
    found = frame.select(
        "line", subject, given_day=pl.col("day").cast(text), given_accesses=pl.col("accesses").cast(text),
        day=pl.col("day").cast(text).str.to_date("%Y-%m-%d", strict=False),
        accesses=pl.col("accesses").cast(text).str.to_integer(strict=False),
    )  # fmt: skip
    wrong = {
        "day": (
            pl.col("day").is_null() | ~pl.col("day").is_between(_FIRST_DAY, last),
            f"is not a day like 2024-05-31 from {_FIRST_DAY} to {last}",
        ),
        "accesses": ((pl.col("accesses").is_null()) | ~pl.col("accesses").is_between(0, _MOST), "is not a whole number from 0 up"),
    }  # fmt: skip
    problems = [
        Problem(f"{path}:{line}", f"{name}: {str(shown)[:60]!r} {what}")
        for name, (where, what) in wrong.items()
        for line, shown in found.filter(where).select("line", f"given_{name}").head(_SHOWN).iter_rows()
    ]
    problems += [
        Problem(f"{path}:{line}", f"{subject} is missing")
        for line in found.filter(pl.col(subject).is_null())["line"].head(_SHOWN)
    ]
    if problems:
        raise ChangeRefused(problems)
    return found.select("day", "accesses", pl.col(subject).cast(text))


def _by_dataset(rows: pl.DataFrame, snapshot: Snapshot) -> pl.DataFrame:
    """Sums by day and dataset; files that the inventory does not have are passed over."""
    if "lfn" in rows.columns:
        directory, base = split_lfn()
        files = snapshot.table("files").select("dataset_id", "directory", "base_name")
        names = snapshot.table("datasets").select("dataset_id", dataset="name")
        parts = rows.lazy().with_columns(directory, base)
        rows = parts.join(files, on=["directory", "base_name"]).join(names, on="dataset_id").collect()
    return rows.group_by("day", "dataset").agg(pl.col("accesses").sum())


def _counted(known: pl.LazyFrame, now: int, half_life: float) -> pl.LazyFrame:
    """By dataset: num_access, last_access (0: none), and ``weighed``, the accesses that count less the older they are."""
    end = pl.min_horizontal(pl.col("day").cast(pl.Datetime("us")).dt.epoch("s") + _DAY - 1, pl.lit(now))
    age = (now - pl.col("end")) / _DAY
    weight = pl.lit(0.5) ** (age / half_life) if half_life else pl.lit(1.0)
    ended = known.with_columns(end=end).with_columns(weighed=pl.col("accesses") * weight)
    return ended.group_by("dataset").agg(
        num_access=pl.col("accesses").sum(), last_access=pl.col("end").filter("used").max().fill_null(0),
        weighed=pl.col("weighed").sum(),
    )  # fmt: skip


def _attributes(counted: pl.LazyFrame, context: Context) -> pl.DataFrame:
    snapshot = context.snapshot
    sizes = snapshot.table("blocks").group_by("dataset_id").agg(pl.col("size").sum())
    arrivals = snapshot.table("block_replicas").group_by("dataset_id").agg(arrival=pl.col("last_update").max())
    datasets = snapshot.table("datasets").select("dataset_id", "last_update", dataset="name")
    frame = counted.join(datasets, on="dataset", how="left").join(sizes, on="dataset_id", how="left")
    frame = frame.join(arrivals, on="dataset_id", how="left").with_columns(
        pl.col("size", "arrival", "last_update").fill_null(0)
    )
    idle = (context.now - pl.max_horizontal("last_access", "last_update", "arrival")) / _DAY
    per_gb = pl.when(pl.col("size") > 0).then(pl.col("weighed") / (pl.col("size") / 1e9)).otherwise(0.0)
    return frame.with_columns(usage_rank=(idle - per_gb).round(3)).sort("dataset").collect(engine="streaming")
