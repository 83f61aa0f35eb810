"""Fixtures of this folder."""

from tests.inventory.database.world import running, world  # noqa: F401 - fixtures
