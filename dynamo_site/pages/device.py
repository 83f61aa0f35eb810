"""Approving the login of a program: the code that it shows, typed here by its user."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from dynamo_site.pages.acting import blank
from dynamo_site.pages.shell import page
from registry.callers import caller_of
from registry.errors import RegistryError
from registry.identity import devices
from registry.models import DeviceLogin


class CodeForm(forms.Form):
    """The code."""

    code = forms.CharField(
        label="Code", max_length=20, widget=blank(forms.TextInput()), help_text="As the program shows it."
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def device(request: HttpRequest) -> HttpResponse:
    """Ask for the code; then show who wants to log in; then let it, or not. Nothing is decided by following a link."""
    given = request.POST or (request.GET if "code" in request.GET else None)
    form, found = CodeForm(given), None
    if given is not None and form.is_valid():
        try:
            found = _found(request, form.cleaned_data["code"])
        except RegistryError as error:
            form.add_error("code", str(error))
        else:
            if found is None:
                return redirect("device")
    return page(request, "account", "device", None, 400 if form.errors else 200, form=form, found=found)


def _found(request: HttpRequest, code: str) -> DeviceLogin | None:
    """The login that waits; None: it is decided now. Raises RegistryError."""
    caller, decision = caller_of(request), request.POST.get("decision")
    if decision in ("approve", "reject"):
        devices.decide(code, caller, approve=decision == "approve")
        messages.success(
            request, "The program is logged in." if decision == "approve" else "The program is not let in."
        )
        return None
    return devices.waiting(code, caller)
