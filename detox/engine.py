"""A whole Detox cycle as a pure function: snapshot, policy and facts in, decisions out. Nothing is read or written."""

from __future__ import annotations

import time

import numpy as np
import polars as pl

from detox.answers import Answers
from detox.build import build_image
from detox.columns import ImageColumns
from detox.decisions import Decisions, image_frame, result_frames, stack_texts
from detox.image import Image
from detox.membership import Definitions, site_matches
from detox.order import Order
from detox.passes import Passes
from detox.reasons import site_frame
from detox.removal import Owners
from detox.settings import DetoxSettings
from detox.state import State
from detox.until import Until
from inventory.policy.facts import Facts
from inventory.policy.model import Policy
from inventory.policy.variables import load_plugins
from inventory.snapshot import Snapshot


def decide(
    snapshot: Snapshot, policy: Policy, partitions: Definitions, facts: Facts, settings: DetoxSettings, now: int
) -> Decisions:
    """What the policy deletes, keeps and protects of the snapshot, and why. ``now``: UTC seconds that all times count from.

    ``partitions``: definitions as ``parse_partitions`` reads them. Raises PartitionError, or TimeError for a bad time.
    """
    load_plugins()
    started = time.perf_counter()
    image, membership = build_image(snapshot, policy, partitions, facts, now)
    owner_before = image.rows.owner.copy()
    built = time.perf_counter()
    columns = ImageColumns(image, snapshot, facts, variables(policy), now)
    answers = Answers(image, columns, policy, now)
    state = State(image, answers)
    before = pl.Series(state.occupied.copy(), dtype=pl.Int64)
    triggered = _triggered(image, state, policy, now)
    passes = Passes(
        image, answers, Order(image, columns, policy), Owners(image, snapshot, membership), state,
        Until(image.sites, policy.until, now), settings.deletion_per_iteration, triggered.copy(),
    )  # fmt: skip
    passes.run(policy.static)
    decided = time.perf_counter()
    numbers = np.array([stack_line.line.number for stack_line in answers.lines], np.int32)
    frame = image_frame(image, state, snapshot, owner_before, numbers)
    replicas, blocks, reowned = result_frames(frame, snapshot)
    sites = site_frame(passes, policy, before, pl.Series(triggered, dtype=pl.Boolean), frame)
    seconds = {"image": built - started, "decisions": decided - built, "result": time.perf_counter() - decided}
    return Decisions(replicas, blocks, reowned, sites, frame, passes.number, stack_texts(policy), now, seconds)


def variables(policy: Policy) -> set[str]:
    """The variables that lines and order look at."""
    conditions = [line.condition for line in policy.stack if line.condition]
    names = {predicate.variable for condition in conditions for predicate in condition.predicates}
    return names | {key.variable for key in policy.order}


def _triggered(image: Image, state: State, policy: Policy, now: int) -> np.ndarray:
    return site_matches(image.sites.frame(np.arange(len(image.sites)), state.occupied), policy.when, now)
