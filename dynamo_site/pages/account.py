"""One's own account: rights, and the tokens that programs use in one's name; a secret is shown once."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from dynamo_site.pages.acting import EXPECTED, named, text_of, told
from dynamo_site.pages.shell import existing, page
from registry import token_desk, tokens
from registry.callers import caller_of
from registry.models import ApiToken

_DAYS = ((1, "a day"), (30, "30 days"), (90, "90 days"), (365, "a year"))


class TokenForm(forms.Form):
    """What the token is for, and how long it holds."""

    service = forms.CharField(
        label="For", required=False, max_length=100, help_text="The program that uses it: locks and requests note it."
    )
    scopes = forms.MultipleChoiceField(
        label="Good for changing", required=False, choices=[(name, name) for name in tokens.TARGETS], widget=forms.CheckboxSelectMultiple,
        help_text="Of what you may yourself. None: it is for reading only.",
    )  # fmt: skip
    days = forms.TypedChoiceField(label="Holds for", choices=_DAYS, coerce=int, initial=90)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Rights and tokens; sent, a new token is made and its secret shown."""
    user = named(request)
    form, secret = TokenForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        try:
            _, secret = token_desk.make(caller_of(request), **form.cleaned_data)
            form = TokenForm()
        except EXPECTED as error:
            form.add_error(None, text_of(error))
    roles = sorted(user.groups.values_list("name", flat=True))
    return page(
        request, "account", "account", None, 400 if form.errors else 200, form=form, secret=secret, roles=roles,
        tokens=ApiToken.objects.filter(user=user).order_by("-id"),
    )  # fmt: skip


@require_POST
def revoke(request: HttpRequest, number: int) -> HttpResponse:
    """End one of one's own tokens."""
    token = existing(ApiToken.objects.filter(user=named(request)), number)
    with told(request, "The token is refused from now on."):
        token_desk.revoke(caller_of(request), token)
    return redirect("account")
