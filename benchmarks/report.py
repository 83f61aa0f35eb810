"""Run the benchmarks and write ``docs/performance.md`` from what they print.

    python -m benchmarks.report [NAME ...] [--datasets N ...]   measure, keep the figures, write the page
    python -m benchmarks.report --render                        write the page again from the figures kept

Each benchmark runs in a process of its own; BENCHMARK_DATABASE_URL names an empty database for those that have one, else it
is SQLite. The figures are kept in ``benchmarks/figures.json`` as they were printed, so that
one benchmark can be repeated without the others and the page never says what nobody measured.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.measuring import Figure, amount

NAMES = {
    "detox": "Detox: from the image to decisions, all passes",
    "changes": "Change sets: acknowledged durable, visible to readers",
    "memory": "Memory of the server: datasets, blocks and replicas",
    "files": "Files in the image",
    "snapshot": "Opening a snapshot in a new process",
    "start": "Start of the server",
    "injections": "The queue of injections",
    "reads": "Reads over HTTP, two workers of gunicorn",
}
SIZES = (43_000, 430_000)
KEPT = Path(__file__).with_name("figures.json")
PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"

Kept = dict[str, dict[str, Any]]
"""By "NAME-DATASETS-DATABASE": what the benchmark printed with ``--json``, with ``time`` (UTC), ``machine``, ``database``."""

_HEAD = """\
# Performance

This page is written by `make performance` from what the benchmarks print; no figure is entered by hand. Times of one machine
say little of another: every figure therefore stands beside a yardstick that was measured in the same run, and beside its growth:
the exponent of the number of datasets between a quarter of them and all (1.00: linear). There are about 23 block replicas to a dataset.
`python -m benchmarks.NAME --datasets N` repeats one of them.
"""


def main() -> None:
    """Measure what was asked for, then write the page."""
    options = _options()
    kept = read()
    if not options.render:
        for name in options.names or NAMES:
            for datasets in options.datasets:
                _note(f"{name}, {datasets:,} datasets")
                found = run(name, datasets)
                kept[f"{name}-{datasets}-{found['database']}"] = found
                KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
    PAGE.write_text(page(kept))
    _note(f"{PAGE} written")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--datasets", type=int, nargs="+", default=list(SIZES), help="default: %(default)s")
    parser.add_argument("--render", action="store_true", help="measure nothing")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    return options


def read() -> Kept:
    """The figures kept so far."""
    kept: Kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    return kept


def run(name: str, datasets: int) -> dict[str, Any]:
    """What a benchmark prints. Raises CalledProcessError."""
    command = [sys.executable, "-m", f"benchmarks.{name}", "--datasets", str(datasets), "--json"]
    printed: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    about = {"time": datetime.now(UTC).strftime("%Y-%m-%d"), "machine": platform.machine(), "database": _database(name)}
    return {**printed, **about}


def _database(name: str) -> str:
    """Kind of the database that the benchmark ``name`` uses; "" if it has none."""
    if name not in ("changes", "start", "injections"):
        return ""
    return urlsplit(os.environ.get("BENCHMARK_DATABASE_URL", "sqlite:///")).scheme


def page(kept: Kept) -> str:
    """The page for these figures."""
    return "\n".join([_HEAD, *(_section(name, title, kept) for name, title in NAMES.items() if _of(name, kept))])


def _of(name: str, kept: Kept) -> list[dict[str, Any]]:
    """The runs of one benchmark, smallest first."""
    own = [each for key, each in kept.items() if key.split("-")[0] == name]
    return sorted(own, key=lambda each: (each["datasets"], each["database"]))


def _section(name: str, title: str, kept: Kept) -> str:
    lines = [
        f"## {title}",
        "",
        "| datasets | work | measured | promised | yardstick | times it | growth |",
        "|--:|---|--:|--:|---|--:|--:|",
    ]
    about = []
    for found in _of(name, kept):
        size = " ".join(filter(None, [f"{found['datasets']:,}", found["database"]]))
        lines += [_row(size, Figure(**figure)) for figure in found["figures"]]
        about.append(
            f"{size}: {found['time']}, {found['processors']} processors ({found['machine']}), "
            f"peak memory of the benchmark {found['peak_memory'] / 1e6:,.0f} MB"
        )
    return "\n".join([*lines, "", f"`python -m benchmarks.{name}`; {'; '.join(about)}.", ""])


def _row(size: str, figure: Figure) -> str:
    promised = "" if figure.limit is None else f"≤ {amount(figure.limit, figure.unit)}"
    growth = "" if figure.growth is None else f"N^{figure.growth:.2f}"
    yardstick = f"{figure.yardstick} ({amount(figure.yardstick_value, figure.unit)})"
    ratio = "" if math.isnan(figure.ratio) else f"{figure.ratio:,.3g}"
    cells = (size, figure.work, amount(figure.value, figure.unit), promised, yardstick, ratio, growth)
    return f"| {' | '.join(cells)} |"


def _note(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    main()
