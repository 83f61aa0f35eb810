"""What the security tests share with those of the registry."""

from tests.registry.conftest import filled  # noqa: F401 - a fixture
