"""What operators do at night: let go what is held, end a run."""

from __future__ import annotations

import redis
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from dynamo_site.pages.acting import told
from dynamo_site.pages.shell import existing
from fileops import release
from registry import audit
from registry.callers import caller_of
from registry.errors import Busy, Refused
from scheduler.ending import end_run
from scheduler.models import Run


@require_POST
def release_held(request: HttpRequest) -> HttpResponse:
    """Have the held files of a site and reason tried again at once, with all sources forgiven."""
    site, reason = request.POST.get("site", ""), request.POST.get("reason", "")
    caller = caller_of(request)
    with told(request), transaction.atomic():
        if not (site or reason):
            raise Refused("choose a site or a reason first: that no condition is given never means everything")
        rows = release.chosen([site] if site else [], [reason] if reason else [])
        count = release.release(rows, caller.name)
        audit.record(caller, "files.release", f"{count} files", None, {"site": site, "reason": reason, "files": count})
        messages.success(request, f"{count} file{'s' if count != 1 else ''} released: they are tried again at once.")
    return redirect(f"{reverse('files')}?{urlencode({'site': site})}")


@require_POST
def end(request: HttpRequest, number: int) -> HttpResponse:
    """Have a run end, at its next step or with its process."""
    row, caller = existing(Run.objects.select_related("job"), number), caller_of(request)
    with told(request, "It is asked to end."), transaction.atomic():
        try:
            if not end_run(row, caller.name):
                raise Refused(f"run {row.pk} has ended already: {row.get_state_display()}")
        except redis.RedisError as error:
            raise Busy(f"Redis, which carries the message, does not answer: {error}") from error
        audit.record(caller, "run.kill", f"run {row.pk} of {row.application}", {"state": row.state}, None)
    return redirect("run", number=row.pk)
