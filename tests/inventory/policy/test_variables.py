"""The table of variables: consistent in itself, open to installations."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints

import polars as pl
import pytest

from inventory.policy import variables
from inventory.policy.parser import parse_condition
from inventory.policy.variables import COLUMNS, VARIABLES, Variable, add_variables, load_plugins, variables_for

OWN = Variable("dataset.name_length", "number", "dataset", "letters of its name", pl.col("name").str.len_chars())


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> dict[str, Variable]:
    """The table, as it was afterwards."""
    before = dict(VARIABLES)
    yield VARIABLES
    VARIABLES.clear()
    VARIABLES.update(before)


@pytest.mark.parametrize("variable", VARIABLES.values(), ids=lambda variable: variable.name)
def test_variables_are_computed_from_columns_of_their_level(variable: Variable) -> None:
    assert set(variable.compute.meta.root_names()) <= set(COLUMNS[variable.level])


@pytest.mark.parametrize("variable", VARIABLES.values(), ids=lambda variable: variable.name)
def test_what_follows_the_image_stands_in_policies_only(variable: Variable) -> None:
    if variable.volatile:
        assert variable.contexts in (("replica",), ("site",))
    assert variable.description


def test_an_installation_adds_its_own(table: dict[str, Variable], monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("own", "tests.inventory.policy.test_variables:OWN", variables.PLUGINS)
    monkeypatch.setattr(variables, "entry_points", lambda group: EntryPoints([entry]).select(group=group))
    load_plugins.cache_clear()
    load_plugins()
    assert table["dataset.name_length"] is OWN
    assert parse_condition("dataset.name_length > 3").predicates[0].operand == 3.0


def test_a_name_cannot_be_taken_twice(table: dict[str, Variable]) -> None:
    with pytest.raises(ValueError, match=r"dataset\.name: there is one"):
        add_variables([VARIABLES["dataset.name"]])


@pytest.mark.parametrize(
    "wrong",
    [{"type": "float"}, {"level": "file"}, {"contexts": ("nowhere",)}, {"type": "enum"}, {"values": ("A",)}],
    ids=str,
)
def test_a_variable_that_makes_no_sense_is_refused(wrong: dict) -> None:
    given = {"name": "x", "type": "number", "level": "dataset", "description": "", "compute": pl.lit(1)} | wrong
    with pytest.raises(ValueError, match="variable x"):
        Variable(**given)


def test_an_unknown_context_is_told() -> None:
    with pytest.raises(ValueError, match="expected one of replica, block, site"):
        variables_for("file")
