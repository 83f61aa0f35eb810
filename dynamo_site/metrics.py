"""``/metrics``: what a monitoring system wants to know, in Prometheus' text form, looked up when it asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import redis
import structlog
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dynamo_site import gauges
from dynamo_site.watchers import may_watch
from inventory.errors import InventoryError

_LOG = structlog.get_logger(__name__)
Source = Callable[[], list[GaugeMetricFamily]]
SOURCES: dict[str, Source] = {
    "runs": gauges.runs, "turn": gauges.turn, "tasks": gauges.tasks, "file operations": gauges.file_operations,
    "requests": gauges.requests, "detox": gauges.detox, "policies": gauges.policies, "inventory": gauges.inventory, "occupancy": gauges.site_occupancy,
    "attribute sources": gauges.attribute_sources,
}  # fmt: skip


class _Looked(Collector):
    """Looks everything up anew; what cannot be looked up now is left out and said so."""

    def collect(self) -> Iterator[Metric]:
        working = GaugeMetricFamily("dynamo_source_up", "Whether these metrics could be looked up", labels=["source"])
        for name, source in SOURCES.items():
            families = _looked_up(name, source)
            working.add_metric([name], 0 if families is None else 1)
            yield from families or []
        yield working

    def describe(self) -> Iterable[Metric]:
        # Registering must not look anything up.
        return []


def _looked_up(name: str, source: Source) -> list[GaugeMetricFamily] | None:
    try:
        return source()
    except (DatabaseError, redis.RedisError, InventoryError) as error:
        _LOG.warning("metrics left out", source=name, reason=str(error))
        return None


_REGISTRY = CollectorRegistry()
_REGISTRY.register(_Looked())


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """All metrics; for those who may watch only."""
    if not may_watch(request):
        return HttpResponse("a token or a known address is needed\n", status=403, content_type="text/plain")
    return HttpResponse(generate_latest(_REGISTRY), content_type=CONTENT_TYPE_LATEST)
