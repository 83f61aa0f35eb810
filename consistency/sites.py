"""The settings of one site: the component's, with the site's own over them."""

from __future__ import annotations

from dataclasses import asdict

from consistency.models import SiteConsistency
from consistency.settings import ConsistencySettings
from inventory.tuning import tuned, with_values

COMPONENT = "consistency"


def settings_of(site: str) -> ConsistencySettings:
    """Settings for ``site``; raises TuningError or SettingsError naming what is wrong."""
    common = tuned(COMPONENT, ConsistencySettings)
    own = SiteConsistency.objects.filter(site=site).values_list("settings", flat=True).first() or {}
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(common).items()}
    return with_values(COMPONENT, ConsistencySettings, values | own)
