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
from registry.identity_admin import BySuperusers
from registry.models import CopyRequest, DeletionRequest
from scheduler.models import Run

_RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")

for _model in (Group, User):
    admin.site.unregister(_model)


@admin.register(User)
class UserAdmin(BaseUserAdmin, ModelAdmin):
    """Who may log in; rights on Dynamo come from groups."""

    form, add_form, change_password_form = UserChangeForm, UserCreationForm, AdminPasswordChangeForm

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What somebody may, superusers decide."""
        found = super().get_readonly_fields(request, obj)
        return found if request.user.is_superuser else (*found, *_RIGHTS)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Of those who may no more than oneself: whoever sets a password can log in with it."""
        return super().has_change_permission(request, obj) and not _may_more(obj, request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The same."""
        return super().has_delete_permission(request, obj) and not _may_more(obj, request.user)


def _may_more(user: User | None, than: Any) -> bool:
    if user is None or than.is_superuser:
        return False
    groups, others = (set(each.groups.values_list("pk", flat=True)) for each in (user, than))
    return user.is_superuser or bool(groups - others) or bool(user.get_all_permissions() - than.get_all_permissions())


@admin.register(Group)
class GroupAdmin(BySuperusers, BaseGroupAdmin, ModelAdmin):
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
