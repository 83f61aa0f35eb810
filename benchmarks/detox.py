"""How long a Detox cycle takes to decide: ``python -m benchmarks.detox [--datasets N] [--json]``.

Absolute times say little of another machine, so yardsticks are taken in the same run: a plain evaluator in Python over a
sample, scaled to the whole; copying the bytes of the block replicas in memory; and the same cycle on a quarter of the data.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dynamo_site.settings")
django.setup()

from benchmarks.generate import NOW, PARTITIONS, generate  # noqa: E402 - Django has to be ready first
from detox.engine import decide  # noqa: E402
from detox.settings import DetoxSettings  # noqa: E402
from inventory.policy.facts import Facts  # noqa: E402
from inventory.policy.model import Policy  # noqa: E402
from inventory.policy.parser import parse_partitions, parse_policy  # noqa: E402
from inventory.snapshot import Snapshot  # noqa: E402
from tests.detox.plain import world_of  # noqa: E402
from tests.detox.plain_partition import Partitions  # noqa: E402

_SAMPLE = 300
_TABLES = ("datasets", "blocks", "dataset_replicas", "block_replicas")


def main() -> None:
    """Generate, measure, print."""
    options = _options()
    policy = parse_policy(options.policy.read_text(), str(options.policy))
    found = measure(options.datasets, policy, options.quota_factor, options.repeat)
    print(json.dumps(found, indent=2) if options.json else _text(found))


def measure(datasets: int, policy: Policy, quota_factor: float, repeat: int) -> dict[str, Any]:
    """Times in seconds, memory in bytes, and ratios of a cycle on ``datasets`` datasets; the best of ``repeat`` runs."""
    quarter = _best(_decider(generate(datasets // 4, quota_factor=quota_factor), policy), repeat)
    snapshot = generate(datasets, quota_factor=quota_factor)
    rows = {name: snapshot.frame(name).height for name in _TABLES}
    before = _peak_memory()
    decider = _decider(snapshot, policy)
    seconds = _best(decider, repeat)
    decisions = decider()
    copying = _best(lambda: [column.to_numpy().copy() for column in snapshot.frame("block_replicas")], repeat)
    plain = _plain(policy) * rows["dataset_replicas"]
    growth = math.log(seconds / quarter, 4) if quarter > 0 else math.nan
    return {
        "rows": rows, "seconds": seconds, "parts": decisions.seconds, "passes": decisions.passes,
        "lists": {name: len(found) for name, found in decisions.summary().items()},
        "seconds_per_million_block_replicas": seconds / rows["block_replicas"] * 1e6, "peak_memory": _peak_memory(),
        "peak_memory_above_data": _peak_memory() - before, "seconds_of_a_quarter": quarter, "growth_exponent": growth,
        "plain_one_look_seconds": plain, "times_faster_than_plain": plain / seconds, "copies_in_memory": seconds / copying,
        "processors": os.cpu_count(),
    }  # fmt: skip


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detox", description=__doc__)
    parser.add_argument(
        "--datasets", type=int, default=43_000, help="about 23 block replicas each (default: %(default)s)"
    )
    parser.add_argument(
        "--policy", type=Path, default=Path(__file__).with_name("physics.txt"), help="policy of partition Physics"
    )
    parser.add_argument("--quota-factor", type=float, default=1.0, help="below 1: fuller sites, more passes")
    parser.add_argument("--repeat", type=int, default=3, help="runs, of which the best counts")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _decider(snapshot: Snapshot, policy: Policy) -> Callable[[], Any]:
    definitions = parse_partitions(PARTITIONS)
    return lambda: decide(snapshot, policy, definitions, Facts.none(), DetoxSettings(), NOW)


def _best(work: Callable[[], object], repeat: int) -> float:
    times = []
    for _ in range(max(repeat, 1)):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def _plain(policy: Policy) -> float:
    """Seconds that the plain evaluator takes for one look at one replica of the image."""
    snapshot = generate(_SAMPLE)
    world = world_of(snapshot, policy, Partitions(parse_partitions(PARTITIONS)), Facts.none(), NOW)
    replicas = [replica for dataset in world.datasets.values() for replica in dataset.replicas.values()]
    seconds = _best(lambda: [world.decide(policy, replica) for replica in replicas], 1)
    return seconds / max(len(replicas), 1)


def _peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _text(found: dict[str, Any]) -> str:
    parts = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in found["parts"].items())
    counts = ", ".join(f"{count:,} {name}" for name, count in found["rows"].items())
    lists = ", ".join(f"{count:,} {name}" for name, count in found["lists"].items() if name != "lines")
    return "\n".join([
        f"inventory   {counts}",
        f"cycle       {found['seconds']:.2f} s in {found['passes']} passes ({parts}): {lists}",
        f"per million {found['seconds_per_million_block_replicas']:.2f} s a million block replicas, {found['processors']} processors",
        f"memory      peak {found['peak_memory'] / 1e6:,.0f} MB, {found['peak_memory_above_data'] / 1e6:,.0f} MB above the data",
        f"yardstick   {found['times_faster_than_plain']:,.0f} times faster than one look of a plain evaluator; as long as "
        f"{found['copies_in_memory']:,.0f} copies of the block replicas in memory",
        f"growth      as N^{found['growth_exponent']:.2f} ({found['seconds_of_a_quarter']:.2f} s for a quarter of the datasets)",
    ])  # fmt: skip


if __name__ == "__main__":
    main()
