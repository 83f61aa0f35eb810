"""The question: what was decided on what, with what it takes to look for an answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from detox.counterfactual.inputs import Inputs, Subject
from detox.decisions import Decisions
from detox.engine import variables
from inventory.policy.model import Predicate


@dataclass(frozen=True)
class Asked:
    """The question: what was decided on the subject of what; ``row``: the dataset's, ``rows``: the subject's in the image."""

    inputs: Inputs
    decisions: Decisions
    subject: Subject

    @cached_property
    def row(self) -> dict[str, Any]:
        datasets = self.inputs.snapshot.frame("datasets")
        return datasets.row(by_predicate=pl.col("dataset_id") == self.subject.dataset_id, named=True)

    @cached_property
    def rows(self) -> pl.DataFrame:
        return self.subject.rows(self.decisions.image)

    @cached_property
    def site(self) -> dict[str, Any]:
        return self.decisions.sites.row(by_predicate=pl.col("site_id") == self.subject.site_id, named=True)

    @cached_property
    def fate(self) -> str:
        return self.subject.fate(self.decisions)

    @cached_property
    def variables(self) -> set[str]:
        """The variables of lines and order."""
        return variables(self.inputs.policy)

    def predicates(self, *variables: str) -> Iterator[Predicate]:
        """Those of the stack on one of the variables."""
        for line in self.inputs.policy.stack:
            for predicate in line.condition.predicates if line.condition else ():
                if predicate.variable in variables:
                    yield predicate
