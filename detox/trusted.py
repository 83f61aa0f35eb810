"""Whether the attributes that a policy looks at can be trusted: no cycle starts on those of a source that is to stop it."""

from __future__ import annotations

from datetime import datetime

from detox.engine import variables
from inventory.partitions import definitions, simple_parts
from inventory.policy.compiler import variables_of
from inventory.policy.model import Condition, Policy
from inventory.policy.variables import VARIABLES
from inventory.snapshot import Snapshot
from inventory.sources.attributes import ATTRIBUTES
from registry import attribute_sources


def require(policy: Policy, snapshot: Snapshot, now: datetime) -> None:
    """Raise SourceInTrouble, which tells which source, since when and what to do; PartitionError."""
    attribute_sources.require(attributes_of(policy, snapshot), now)


def attributes_of(policy: Policy, snapshot: Snapshot) -> set[str]:
    """Attributes of datasets that the policy's lines, its order or its partition look at."""
    known = definitions(snapshot)
    parts = [known[name] for name in simple_parts(known, policy.partition)]
    used = variables(policy) | variables_of(part for part in parts if isinstance(part, Condition))
    columns = {column for name in used for column in VARIABLES[name].compute.meta.root_names()}
    return columns & set(ATTRIBUTES)
