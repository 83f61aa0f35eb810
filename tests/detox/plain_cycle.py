"""The cycle of the language's page, one replica at a time, over the plain world; and the invariant behind it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from inventory.policy.model import Line, Policy
from tests.detox.plain import Replica, World

Key = tuple[str, str, int]


@dataclass
class Outcome:
    """By (site, dataset, block): the list it is in, its line number and size; and who took over what."""

    decisions: dict[Key, tuple[str, int, int]] = field(default_factory=dict)
    reowned: dict[Key, str] = field(default_factory=dict)
    deletions: list[tuple[str, str, dict[int, int]]] = field(default_factory=list)

    def summary(self) -> dict[str, list]:
        """The lists in the form of the reference cases."""
        totals: dict[tuple[str, str, str, int], list[int]] = defaultdict(lambda: [0, 0])
        for (site, dataset, _), (decision, line, size) in self.decisions.items():
            totals[decision, site, dataset, line][0] += 1
            totals[decision, site, dataset, line][1] += size
        lists: dict[str, list] = {"deleted": [], "kept": [], "protected": []}
        for (decision, *key), sums in sorted(totals.items()):
            lists[decision].append([*key, *sums])
        changed: dict[tuple[str, str], int] = defaultdict(int)
        for site, dataset, _ in self.reowned:
            changed[site, dataset] += 1
        return lists | {"reowned": [[*key, count] for key, count in sorted(changed.items())]}


class PlainCycle:
    """Runs one cycle; ``outcome`` is what it did."""

    def __init__(self, world: World, policy: Policy, share: float) -> None:
        self.world, self.policy, self.share = world, policy, share
        self.outcome = Outcome()
        self.play = [replica for dataset in world.datasets.values() for replica in dataset.replicas.values()]
        self.triggered = {site for site in world.sites if world.site_matches(policy.when, site)}
        self.decided: dict[Replica, dict[int, Line]] = {}

    def run(self) -> Outcome:
        while True:
            self.settle()
            candidates = [
                replica for replica in self.play if replica.site in self.triggered and self.going(replica, "Dismiss")
            ]
            if not candidates:
                return self.outcome
            chosen = candidates if self.policy.static else self.at_one_site(candidates)
            self.take(sorted(chosen, key=self.order))

    def settle(self) -> None:
        """Evaluate, and delete what is deleted at once, one per dataset, until nothing more goes."""
        while True:
            for replica in list(self.play):
                self.evaluate(replica)
            first: dict[str, Replica] = {}
            for replica in sorted(
                (replica for replica in self.play if self.going(replica, "Delete")),
                key=lambda replica: (*self.keys(replica), replica.site),
            ):
                first.setdefault(replica.dataset.name, replica)
            if not first:
                return
            for replica in first.values():
                self.remove(replica, self.topmost(replica))

    def evaluate(self, replica: Replica) -> None:
        self.decided[replica] = decided = self.world.decide(self.policy, replica)
        lists = {"Protect": "protected", "Dismiss": "kept", "Delete": "deleted"}
        for block, line in decided.items():
            key = (replica.site, replica.dataset.name, block)
            self.outcome.decisions.pop(key, None)
            if line.decision != "Ignore":
                self.outcome.decisions[key] = (lists[line.decision], line.number, replica.blocks[block].size)
        if {line.decision for line in decided.values()} <= {"Protect", "Ignore"}:
            self.play.remove(replica)

    def going(self, replica: Replica, decision: str) -> dict[int, int]:
        return {block: line.number for block, line in self.decided[replica].items() if line.decision == decision}

    def topmost(self, replica: Replica) -> dict[int, int]:
        """The blocks that the topmost line deletes at once; the rest is looked at again."""
        lines = [line for line in self.policy.lines if line.decision == "Delete"]
        first = next(line for line in lines if line in self.decided[replica].values())
        return {block: line.number for block, line in self.decided[replica].items() if line is first}

    def keys(self, replica: Replica) -> tuple[float, ...]:
        return tuple(self.key(replica, key.variable) * (-1 if key.descending else 1) for key in self.policy.order)

    def key(self, replica: Replica, variable: str) -> float:
        level, _, name = variable.partition(".")
        if level == "replica":
            return self.world.replica_value(name, replica)
        return self.world.dataset_value(name, replica.dataset)

    def order(self, replica: Replica) -> tuple:
        size = sum(block.size for block in replica.blocks.values())
        return (*self.keys(replica), -size, replica.dataset.name, replica.site)

    def at_one_site(self, candidates: list[Replica]) -> list[Replica]:
        """Those at the site with the highest fraction of protected bytes."""
        site = min({replica.site for replica in candidates}, key=lambda site: (-self.protected_fraction(site), site))
        return [replica for replica in candidates if replica.site == site]

    def protected_fraction(self, site: str) -> float:
        quota = self.world.quotas[site]
        decisions = self.outcome.decisions.items()
        held = sum(size for key, (decision, _, size) in decisions if key[0] == site and decision == "protected")
        return held / quota if quota > 0 else 1.0

    def take(self, candidates: list[Replica]) -> None:
        gone, touched = 0, set()
        for replica in candidates:
            quota = self.world.quotas[replica.site]
            if replica.site not in self.triggered:
                continue
            if not self.policy.static and quota > 0 and gone / quota > self.share:
                return
            if replica.dataset.name in touched:
                self.evaluate(replica)
            going = self.going(replica, "Dismiss")
            if replica not in self.play or not going:
                continue
            touched.add(replica.dataset.name)
            gone += self.remove(replica, going)
            if self.world.site_matches(self.policy.until, replica.site):
                self.triggered.remove(replica.site)

    def remove(self, replica: Replica, going: dict[int, int]) -> int:
        """Delete or hand over the blocks ``going`` (block → line), line by line; returns the bytes deleted."""
        taken, deleted = 0, {}
        for number in sorted(set(going.values())):
            blocks = [block for block, line in going.items() if line == number]
            heir = self.heir(replica) if len(blocks) < len(replica.blocks) else None
            for block in blocks:
                one, key = replica.blocks[block], (replica.site, replica.dataset.name, block)
                if heir is not None and self.world.levels[one.owner] == "Block":
                    self.hand_over(replica, block, heir)
                else:
                    taken += one.size
                    deleted[block] = number
                    self.outcome.decisions[key] = ("deleted", number, one.size)
                    del replica.blocks[block]
        self.outcome.deletions.append((replica.site, replica.dataset.name, deleted))
        if not replica.blocks:
            del replica.dataset.replicas[replica.site]
            self.play.remove(replica)
        return taken

    def hand_over(self, replica: Replica, block: int, heir: str) -> None:
        """Change the owner; the block leaves the image if the partition no longer holds it."""
        one, key = replica.blocks[block], (replica.site, replica.dataset.name, block)
        one.owner = self.outcome.reowned[key] = heir
        if not self.still_held(replica, one):
            del replica.blocks[block]
            del self.outcome.decisions[key]

    def heir(self, replica: Replica) -> str | None:
        """The dataset-level owner of the replica; of several the one of most bytes, then by name."""
        owned: dict[str, int] = defaultdict(int)
        for block in replica.blocks.values():
            if self.world.levels[block.owner] == "Dataset":
                owned[block.owner] += block.size
        return min(owned, key=lambda owner: (-owned[owner], owner), default=None)

    def still_held(self, replica: Replica, block) -> bool:
        row = {"last_update": block.last_update}
        world = self.world
        site = world.sites[replica.site]
        return world.partitions.holds(world.partition, replica.dataset.row, site, block.owner, row, world.now)
