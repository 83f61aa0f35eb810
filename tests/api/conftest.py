"""What tests of the whole of ``/api/v1/`` share."""

from __future__ import annotations

from tests.registry.api.writing.conftest import _fresh_limits, ann, filled, nobody, operator  # noqa: F401 - fixtures
