"""Application locks: who has stopped what, who waits for it, stopping and giving back."""

from __future__ import annotations

from datetime import timedelta

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from dynamo_site.pages.acting import blank, told
from dynamo_site.pages.queueing import is_operator
from dynamo_site.pages.shell import page
from registry import operating, rights
from registry.callers import caller_of
from registry.errors import Refused
from scheduler import applock
from scheduler.models import Run

_TARGET = "application"
_USUAL = ("application", "consistency", "dealer", "detox", "fileops", "registry")
"""What there is before anything has run; "application" are the programs of users."""


class StopForm(forms.Form):
    """What is to be stopped, why, and for how long."""

    application = forms.CharField(
        max_length=64, help_text="What goes on ends as it would; the next run does not begin.",
        widget=blank(forms.TextInput(), list="application-names"),
    )  # fmt: skip
    note = forms.CharField(
        label="Why", required=False, max_length=1000, help_text="Whoever wonders why nothing happens reads it."
    )
    hours = forms.FloatField(
        label="For", required=False, min_value=0.01, max_value=8760,
        help_text="Hours, after which it is given back by itself; empty: until you give it back.",
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
def stops(request: HttpRequest) -> HttpResponse:
    """The queues; sent, the caller holds the application, or stands in its queue."""
    form = StopForm(request.POST or None, initial={"application": request.GET.get("application", "")})
    if request.method == "POST" and form.is_valid():
        _stop(request, form)
        return redirect("application-locks")
    queues, caller = applock.queues(), caller_of(request)
    ran = Run.objects.order_by("application").values_list("application", flat=True).distinct()
    return page(
        request, "application-locks", "application_locks", {"queues": queues, "running": applock.current()},
        400 if form.errors else 200, form=form, applications=sorted({*_USUAL, *ran, *queues}), may_stop=is_operator(request, _TARGET),
        mine=caller.name if caller.known else "", admin=rights.has(caller, "admin", _TARGET),
    )  # fmt: skip


def _stop(request: HttpRequest, form: StopForm) -> None:
    given, caller = form.cleaned_data, caller_of(request)
    name, expires = given["application"], None
    if given["hours"]:
        expires = timezone.now() + timedelta(hours=given["hours"])
    holder = operating.stop(caller, name, given["note"], expires)
    if (holder.user, holder.service) == (caller.name, caller.service):
        messages.success(request, f"{name} is stopped.")
    else:
        messages.warning(request, f"{name} is stopped by {holder}; you are in the queue.")


@require_POST
def give_back(request: HttpRequest) -> HttpResponse:
    """Take back the newest lock, or place in the queue: one's own, or anybody's as an admin of applications."""
    name, user, service = (request.POST.get(field, "") for field in ("application", "user", "service"))
    with told(request):
        if not any((one.user, one.service) == (user, service) for one in applock.queue(name)):
            raise Refused(f"{user} neither holds {name[:64]} nor waits for it any more")
        holder = operating.give_back(caller_of(request), name, user, service)
        messages.success(request, f"{name} is now stopped by {holder}." if holder else f"{name} is free to run.")
    return redirect("application-locks")
