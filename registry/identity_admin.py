"""Administrators' pages on people: by what they are known, limits of their rights, tokens, and the audit log."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.decorators import action

from inventory.admin import ReadOnlyAdmin
from registry import token_desk
from registry.callers import caller_of
from registry.errors import Denied
from registry.identity.names import NameWrong, normal
from registry.models import ApiToken, AuditRecord, RightLimit, TokenSubject, UserDN
from registry.rights import ROLES, TARGETS


class DNForm(forms.ModelForm):
    """A DN in either form; kept in one."""

    class Meta:
        model = UserDN
        fields = ("user", "dn")

    def clean_dn(self) -> str:
        """As it is kept. Raises ValidationError."""
        try:
            return normal(self.cleaned_data["dn"])
        except NameWrong as error:
            raise ValidationError(str(error)) from error


class BySuperusers:
    """Pages that make people what they are: whoever could change them could be anybody."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Superusers only."""
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers only; others look, as Django's permissions say."""
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers only."""
        return bool(request.user.is_superuser)


class _OfUser(BySuperusers, ModelAdmin):
    """Pages of what belongs to a user."""

    autocomplete_fields = ("user",)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What the address says, without a user that is no number."""
        found = super().get_changeform_initial_data(request)
        return {name: value for name, value in found.items() if name != "user" or str(value).isdecimal()}


@admin.register(UserDN)
class UserDNAdmin(_OfUser):
    """Certificates by which users are known."""

    form = DNForm
    list_display = ("dn", "user")
    search_fields = ("dn", "user__username")


@admin.register(TokenSubject)
class TokenSubjectAdmin(_OfUser):
    """Subjects of other institutions' tokens, and of logins there."""

    list_display = ("issuer", "subject", "user", "service")
    list_filter = ("issuer",)
    search_fields = ("subject", "user__username")


class LimitForm(forms.ModelForm):
    """A limit of a role that there is."""

    role = forms.ChoiceField(choices=[(name, name) for name in ROLES])
    target = forms.ChoiceField(choices=[(name, name) for name in TARGETS])

    class Meta:
        model = RightLimit
        fields = ("user", "role", "target", "sites", "groups")


@admin.register(RightLimit)
class RightLimitAdmin(_OfUser):
    """Roles that hold for some sites or groups only; the role itself comes from the user's groups."""

    form = LimitForm
    list_display = ("user", "role", "target", "sites", "groups")
    list_filter = ("target", "role")
    search_fields = ("user__username", "sites", "groups")


@admin.register(AuditRecord)
class AuditRecordAdmin(ReadOnlyAdmin):
    """Who changed what; added to by every change, changed by nobody."""

    list_display = ("id", "time", "user", "method", "address", "action", "target")
    list_filter = ("action", "method", "time")
    search_fields = ("user", "target", "address")


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Made by ``manage.py token create``, which alone can show the secret."""

    list_display = ("id", "user", "service", "scopes", "created", "expires", "last_used", "revoked")
    list_filter = ("service", "expires", ("revoked", admin.EmptyFieldListFilter))
    search_fields = ("user__username", "service")
    actions = ("revoke",)

    @action(description="Revoke")
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """Refused from now on."""
        try:
            with transaction.atomic():
                for token in queryset:
                    token_desk.revoke(caller_of(request), token)
        except Denied as error:
            messages.error(request, str(error))
        else:
            messages.success(request, "revoked")
