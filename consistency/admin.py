"""Admin pages: sites under check can be edited, checks are history."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms import ModelForm
from unfold.admin import ModelAdmin

from consistency.models import Check, SiteConsistency
from consistency.settings import ConsistencySettings, SettingsError
from inventory.admin import ReadOnlyAdmin
from inventory.tuning import TuningError, with_values


class SiteConsistencyForm(ModelForm):
    """Refuses settings that do not exist or contradict themselves."""

    class Meta:
        model = SiteConsistency
        fields = ("site", "enabled", "every", "settings")

    def clean_settings(self) -> dict[str, object]:
        values = self.cleaned_data["settings"] or {}
        if not isinstance(values, dict):
            raise ValidationError("an object of settings by name is expected")
        try:
            with_values("consistency", ConsistencySettings, values)
        except (TuningError, SettingsError) as error:
            raise ValidationError(str(error)) from error
        return values


@admin.register(SiteConsistency)
class SiteConsistencyAdmin(ModelAdmin):
    form = SiteConsistencyForm
    list_display = ("site", "enabled", "every")
    list_filter = ("enabled",)
    search_fields = ("site",)


@admin.register(Check)
class CheckAdmin(ReadOnlyAdmin):
    list_display = (
        "id", "site", "kind", "state", "dry_run", "started", "num_files", "num_missing", "num_orphans", "num_unlisted",
    )  # fmt: skip
    list_filter = ("kind", "state", "dry_run", "site")
    search_fields = ("site", "error")
