"""What all benchmarks share: figures with a yardstick taken in the same run, how they grow, and how they are printed.

A benchmark is a module with ``measure(datasets) -> list[Figure]`` and ``main(__doc__, measure)``; it is run as
``python -m benchmarks.NAME [--datasets N] [--json]``. Absolute times say little of another machine, so each figure has a
yardstick from the same minute (a copy of the same bytes in memory, a bare INSERT, a plain evaluator), and the same work is
measured on a quarter of the datasets, too.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

_QUARTER = 4


@dataclass(frozen=True)
class Figure:
    """One line of a benchmark: ``value`` in ``unit`` of ``work``, beside ``yardstick_value`` (same unit) of ``yardstick``.

    ``limit``: what is promised at this size, if anything; ``growth``: exponent of the number of datasets between a quarter of
    them and all (1: linear, 0: none), None where the work does not depend on them.
    """

    work: str
    unit: str
    value: float
    yardstick: str
    yardstick_value: float
    limit: float | None = None
    growth: float | None = None

    @property
    def ratio(self) -> float:
        """How many yardsticks the work takes."""
        return self.value / self.yardstick_value if self.yardstick_value else math.nan


@dataclass(frozen=True)
class Found:
    """Everything one benchmark printed; ``peak_memory`` of its process in bytes."""

    datasets: int
    processors: int
    peak_memory: int
    figures: list[Figure]


Measure = Callable[[int], list[Figure]]


def best(work: Callable[[], object], repeat: int = 3) -> float:
    """Seconds of the fastest of some runs."""
    return min(seconds(work) for _ in range(max(repeat, 1)))


def seconds(work: Callable[[], object]) -> float:
    """Seconds that one run takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def grown(small: list[Figure], large: list[Figure]) -> list[Figure]:
    """The figures of the large run with their growth since the small one, a quarter of its size; matched by work and unit."""
    before = {(figure.work, figure.unit): figure.value for figure in small}
    return [replace(figure, growth=_exponent(before.get((figure.work, figure.unit)), figure.value)) for figure in large]


def main(description: str | None, measure: Measure, datasets: int = 43_000) -> None:
    """The command line of a benchmark."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--datasets", type=int, default=datasets, help="about 23 block replicas each (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="machine-readable")
    options = parser.parse_args()
    figures = grown(measure(max(options.datasets // _QUARTER, 1)), measure(options.datasets))
    found = Found(options.datasets, os.cpu_count() or 1, peak_memory(), figures)
    print(json.dumps(asdict(found), indent=2) if options.json else text(found))


def text(found: Found) -> str:
    """For people: a line a figure."""
    head = f"{found.datasets:,} datasets, {found.processors} processors, peak memory {found.peak_memory / 1e6:,.0f} MB"
    return "\n".join([head, *(_line(figure) for figure in found.figures)])


def peak_memory() -> int:
    """Largest resident size of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def amount(value: float, unit: str) -> str:
    """A value as it is printed."""
    return f"{value:,.3g} {unit}" if abs(value) < 1000 else f"{value:,.0f} {unit}"


def _line(figure: Figure) -> str:
    promised = "" if figure.limit is None else f" (promised {amount(figure.limit, figure.unit)})"
    growth = "" if figure.growth is None else f", grows as N^{figure.growth:.2f}"
    yardstick = f"{figure.ratio:,.3g} times {figure.yardstick} ({amount(figure.yardstick_value, figure.unit)})"
    return f"  {figure.work}: {amount(figure.value, figure.unit)}{promised}; {yardstick}{growth}"


def _exponent(small: float | None, large: float) -> float | None:
    return math.log(large / small, _QUARTER) if small and large > 0 else None
