"""Attribute sources: where attributes of datasets come from, how each is, and what came of reading it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from dynamo_site.pages.shell import page, shown
from registry import attribute_sources
from registry.models import AttributeFetch


@require_safe
def sources(request: HttpRequest) -> HttpResponse:
    """All sources, and their readings, newest first."""
    rows = shown(request, AttributeFetch.objects.select_related("source"))
    found = attribute_sources.every_source(timezone.now())
    return page(request, "sources", "sources", {"sources": found, "rows": rows})
