"""Admin pages that concern all components: what is tuned, people, and ways from rows to their pages."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as BaseGroupAdmin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from consistency.models import Check
from dealer.models import Cycle as DealerCycle
from detox.models import Cycle as DetoxCycle
from dynamo_site import policy_admin, tuning  # noqa: F401 - importing registers its page
from dynamo_site.tuning_form import TunedSettingForm
from inventory.models import TunedSetting
from registry.models import CopyRequest, DeletionRequest
from scheduler.models import Run

for _model in (Group, User):
    admin.site.unregister(_model)


@admin.register(User)
class UserAdmin(BaseUserAdmin, ModelAdmin):
    """Who may log in; rights on Dynamo come from groups."""

    form, add_form, change_password_form = UserChangeForm, UserCreationForm, AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(BaseGroupAdmin, ModelAdmin):
    """Groups of users: the roles of Dynamo, and rights on these pages."""


@admin.register(TunedSetting)
class TunedSettingAdmin(ModelAdmin):
    """What operators set over the defaults, and who did; only what a component's settings take is let in."""

    form = TunedSettingForm
    list_display = ("component", "name", "value", "default", "changed_by", "changed_at")
    list_filter = ("component",)
    search_fields = ("component", "name")
    fields = ("setting", "value", "changed_by", "changed_at")
    readonly_fields = ("changed_by", "changed_at")

    @display(description="default")
    def default(self, row: TunedSetting) -> str:
        """What would hold without the row."""
        known = tuning.known().get((row.component, row.name))
        return "there is no such setting any more" if known is None else known.default

    def save_model(self, request: HttpRequest, obj: TunedSetting, form: Any, change: bool) -> None:
        """Note the user."""
        obj.changed_by = request.user.get_username()
        super().save_model(request, obj, form, change)


_PAGES: dict[type[Model], str] = {
    DetoxCycle: "detox-cycle", DealerCycle: "dealer-cycle", Check: "check", CopyRequest: "request",
    DeletionRequest: "request", Run: "run",
}  # fmt: skip
for _model, _name in _PAGES.items():
    # The button "view on site" leads to the page that everybody can read.
    admin.site.get_model_admin(_model).view_on_site = lambda row, name=_name: reverse(name, args=[row.pk])
