"""What the decisions of a kept cycle were made of, and the image as it was at any moment of that cycle."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import polars as pl

from detox import history
from detox.build import build_image
from detox.columns import ImageColumns
from detox.engine import variables
from detox.image import Image
from detox.membership import Definitions
from detox.models import Cycle
from inventory.errors import InventoryError
from inventory.partitions import definitions
from inventory.policy.facts import Facts
from inventory.policy.model import Condition, Policy, Predicate
from inventory.policy.parser import parse_policy
from inventory.snapshot import Snapshot


class CannotExplain(InventoryError):
    """The replica was not in the cycle, or what its decisions were made of is not kept."""


@dataclass(frozen=True)
class Given:
    """What the decisions on some datasets were made of (see ``history.read_inputs``), and ``image``, what came out for their blocks.

    ``newest``: the newest last_update of the partition.
    """

    snapshot: Snapshot
    policy: Policy
    facts: Facts
    image: pl.DataFrame
    newest: int
    now: int

    def columns(self, image: Image) -> ImageColumns:
        """The columns of ``image`` that the variables of lines and order are computed from."""
        return ImageColumns(image, self.snapshot, self.facts, variables(self.policy), self.now)


def given_of(cycle: Cycle, dataset: str) -> Given:
    """What the cycle kept that concerns the dataset. Raises :class:`CannotExplain`."""
    return _given(cycle, pl.col("dataset") == dataset)


def given_of_site(cycle: Cycle, site: str) -> Given:
    """The same of all datasets that had something at the site. Raises :class:`CannotExplain`."""
    here = history.scan(cycle.pk, "image").filter(pl.col("site") == site).select("dataset_id").unique().collect()
    return _given(cycle, pl.col("dataset_id").is_in(here["dataset_id"].implode()))


def _given(cycle: Cycle, chosen: pl.Expr) -> Given:
    try:
        whole = history.scan(cycle.pk, "image")
        image = whole.filter(chosen).collect()
        snapshot, facts = history.read_inputs(cycle.pk, image["dataset_id"].unique())
    except history.NotKept as error:
        raise CannotExplain(str(error)) from error
    newest = whole.select(pl.col("last_update").max()).collect().item() or 0
    return Given(snapshot, parse_policy(cycle.policy, cycle.policy_file), facts, image, newest, cycle.now)


def image_of(given: Given, known: Definitions | None = None) -> Image:
    """The image at the start of the cycle, as far as it concerns the datasets. Its rows are those of ``given.image``."""
    sites = tuple(given.image["site"].unique().sort())
    there = Condition((Predicate("site.name", "in", sites),), None, None, "")
    policy = dataclasses.replace(given.policy, on=(there,))
    known = definitions(given.snapshot) if known is None else known
    image, _ = build_image(given.snapshot, policy, known, given.facts, given.now)
    if len(given.image) != len(image.present):
        raise CannotExplain("the cycle's inputs make another image now: a plugin has changed what a variable means")
    image.newest = given.newest
    return image


def set_moment(image: Image, given: Given, moment: int) -> None:
    """Make the image what it was after ``moment`` removals."""
    then = given.image
    image.present[:] = (then["gone_at"].fill_null(moment) >= moment).to_numpy()
    changed = (then["reowned_at"].fill_null(moment) < moment).to_numpy()
    numbers = {group: number for number, group in enumerate(given.snapshot.frame("groups")["group_id"])}
    before, after = (then[name].replace_strict(numbers).to_numpy() for name in ("group_id", "new_group_id"))
    image.set_owners(np.arange(len(then)), np.where(changed, after, before))
    image.refresh(np.arange(len(image.dataset_number)))
