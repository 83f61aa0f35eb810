"""How long a Detox cycle takes to decide, and a what-if to answer.

    python -m benchmarks.detox [--datasets N] [--json]

A cycle goes from the inventory's image to decisions, all passes, with ``physics.txt``, a policy like those in production. The yardstick is
one look of a plain evaluator, in Python objects, at every replica: measured on a sample and scaled; a cycle takes many looks.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import django

from benchmarks.measuring import Figure, best, main

if TYPE_CHECKING:
    from detox.decisions import Decisions
    from inventory.policy.model import Policy
    from inventory.snapshot import Snapshot

POLICY = Path(__file__).with_name("physics.txt")
COUNTING = """\
Partition Physics
On site.name == *
When site.occupancy > 0.5
Until site.occupancy < 0.5
Ignore site.name == T*_MSS
Protect dataset.num_full_disk_copy < 2
Dismiss
Order decreasing dataset.usage_rank increasing replica.size
Algo Static
"""
"""What a deletion depends on here is how many copies earlier ones have left: the hardest case."""
_SAMPLE = 300
_LIMITS = {43_000: 2.0, 430_000: 20.0}
_LOOK = "one look of a plain evaluator"


def measure(datasets: int) -> list[Figure]:
    """Seconds of a cycle, of its image alone, of one with a static policy, and of a comparison; each the best of three."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dynamo_site.settings")
    django.setup()
    from benchmarks.generate import generate
    from detox.compare import compare
    from inventory.policy.parser import parse_policy

    policy = parse_policy(POLICY.read_text(), str(POLICY))
    changed = parse_policy(
        policy.text.replace("occupancy > 0.9", "occupancy > 0.68").replace("< 0.85", "< 0.65"), "changed"
    )
    snapshot = generate(datasets)
    first, second = decider(snapshot, policy), decider(snapshot, changed)
    cycle = best(first)
    decisions = first()
    look = _plain(policy) * snapshot.frame("dataset_replicas").height
    copying = best(lambda: [column.to_numpy().copy() for column in snapshot.frame("block_replicas")])
    static = best(decider(snapshot, parse_policy(COUNTING)), 1)
    comparing = best(lambda: compare(decisions, second(), (policy, changed)))
    return [
        Figure("a cycle, image to decisions", "s", cycle, _LOOK, look, limit=_LIMITS.get(datasets)),
        Figure("of that, making the image", "s", decisions.seconds["image"], "a copy of the block replicas in memory", copying),
        Figure("a static policy that counts copies", "s", static, _LOOK, look),
        Figure("what if, the decisions in force being known", "s", comparing, "a cycle", cycle),
    ]  # fmt: skip


def decider(snapshot: Snapshot, policy: Policy) -> Callable[[], Decisions]:
    """A cycle on the snapshot, without locks or requests."""
    from benchmarks.generate import NOW, PARTITIONS
    from detox.engine import decide
    from detox.settings import DetoxSettings
    from inventory.policy.facts import Facts
    from inventory.policy.parser import parse_partitions

    definitions = parse_partitions(PARTITIONS)
    return lambda: decide(snapshot, policy, definitions, Facts.none(), DetoxSettings(), NOW)


def _plain(policy: Policy) -> float:
    """Seconds that the plain evaluator takes for one look at one replica of the image."""
    from benchmarks.generate import NOW, PARTITIONS, generate
    from inventory.policy.facts import Facts
    from inventory.policy.parser import parse_partitions
    from tests.detox.plain import world_of
    from tests.detox.plain_partition import Partitions

    world = world_of(generate(_SAMPLE), policy, Partitions(parse_partitions(PARTITIONS)), Facts.none(), NOW)
    replicas = [replica for dataset in world.datasets.values() for replica in dataset.replicas.values()]
    return best(lambda: [world.decide(policy, replica) for replica in replicas], 1) / max(len(replicas), 1)


if __name__ == "__main__":
    main(__doc__, measure)
