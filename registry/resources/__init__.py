"""What ``/api/v1/`` has of the registry, and of the scheduler and the policies below it: one module for each kind of thing.

A module declares the fields of its rows once, the bodies it takes, and what each operation does by the services of the component;
``urlpatterns`` here are those of all modules.
"""

from __future__ import annotations

from django.urls import URLPattern

from registry.resources import (
    devices,
    injections,
    locks,
    oversight,
    people,
    policies,
    programs,
    quotas,
    requests,
    rules,
    runs,
    sources,
)

urlpatterns: list[URLPattern] = [
    pattern
    for module in (
        requests,
        injections,
        locks,
        runs,
        policies,
        sources,
        people,
        devices,
        oversight,
        programs,
        quotas,
        rules,
    )
    for pattern in module.urlpatterns
]
