"""What the tests of the classic interface share."""

from __future__ import annotations

import pytest

from tests.registry.classic.world import more, timed
from tests.registry.makers import inventory_of_the_tests


@pytest.fixture
def world(inventory):
    """The inventory of ``makers`` and that of ``world`` together."""
    inventory.commit(inventory_of_the_tests())
    inventory.commit(more())
    inventory.commit(timed())
    return inventory
