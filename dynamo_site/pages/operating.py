"""What operators do at night: let go what is held, end a run."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from dynamo_site.pages.acting import told
from dynamo_site.pages.shell import existing
from fileops import release
from registry import operating
from registry.callers import caller_of
from registry.errors import Refused
from scheduler.models import Run


@require_POST
def release_held(request: HttpRequest) -> HttpResponse:
    """Have the held files of a site and reason tried again at once, with all sources forgiven."""
    site, reason = request.POST.get("site", ""), request.POST.get("reason", "")
    with told(request):
        rows = release.chosen([site] if site else [], [reason] if reason else [])
        count = release.release(rows, caller_of(request))
        messages.success(request, f"{count} file{'s' if count != 1 else ''} released: they are tried again at once.")
    return redirect(f"{reverse('files')}?{urlencode({'site': site})}")


@require_POST
def end(request: HttpRequest, number: int) -> HttpResponse:
    """Have a run end, at its next step or with its process."""
    row = existing(Run.objects.select_related("job"), number)
    with told(request, "It is asked to end."):
        if not operating.end_run(caller_of(request), row):
            raise Refused(f"run {row.pk} has ended already: {row.get_state_display()}")
    return redirect("run", number=row.pk)
