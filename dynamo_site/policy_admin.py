"""Editing policies and enforcer rules in the admin: every save is checked, and makes a version; old ones are only looked at."""

from __future__ import annotations

import time
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.forms import CharField, HiddenInput, IntegerField, ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from inventory import client
from inventory.errors import InventoryUnavailable
from inventory.models import PolicyVersion
from inventory.policy import versions
from inventory.policy.checking import World, check_text, together, world_of
from inventory.policy.errors import PolicyError
from registry import policy_desk
from registry.callers import caller_of

_SHOWN = 50


class PolicyVersionForm(ModelForm):  # type: ignore[type-arg]
    """A text and the version that it was made from; all mistakes are told at their lines."""

    based_on = IntegerField(widget=HiddenInput, required=False)
    text = CharField(
        strip=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 40, "spellcheck": "false", "style": "font-family: monospace"})
    )  # fmt: skip

    class Meta:
        model = PolicyVersion
        fields = ("name", "text", "comment")
        widgets = {"name": UnfoldAdminTextInputWidget, "comment": UnfoldAdminTextareaWidget(attrs={"rows": 2})}

    def clean_text(self) -> str:
        """Browsers send line ends of their own."""
        return str(self.cleaned_data["text"]).replace("\r\n", "\n").replace("\r", "\n")

    def clean(self) -> dict[str, Any]:
        """Refuse what cannot be used, and what somebody else has changed meanwhile."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "name" not in cleaned or "text" not in cleaned:
            return cleaned
        try:
            versions.check_name(cleaned["name"])
        except PolicyError as error:
            raise ValidationError({"name": error.mistakes[0].what}) from error
        report = check_text(cleaned["text"], cleaned["name"])
        if not report.usable:
            shown = format_html_join("\n", "{}", ((mistake,) for mistake in report.mistakes[:_SHOWN]))
            raise ValidationError({"text": format_html('<pre class="mistakes">{}</pre>', shown)})
        if report.kind == "partitions":
            raise ValidationError({"text": "partitions are the inventory's: `manage.py inventory partitions FILE`"})
        last = versions.newest(cleaned["name"])
        if (cleaned.get("based_on") or 0) != (last.number if last else 0):
            raise ValidationError(
                f"{last or cleaned['name']} is the newest, saved by {last.author if last else 'nobody'}, and you edited version "
                f"{cleaned.get('based_on') or 0}: copy your text, look at what changed, and edit the newest"
            )
        return cleaned


@admin.register(PolicyVersion)
class PolicyVersionAdmin(ModelAdmin):
    """All versions; "edit" makes the next one."""

    form = PolicyVersionForm
    list_display = ("name", "number", "kind", "time", "author", "source", "revision", "comment", "edit")
    list_filter = ("name", "kind", "source")
    search_fields = ("name", "author", "comment", "text", "digest")
    ordering = ("name", "-number")
    list_per_page = 50

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new version has its text; an old one all that is known of it."""
        if obj is None:
            return ("name", "text", "comment", "based_on")
        return ("name", "number", "kind", "author", "time", "source", "origin", "revision", "digest", "comment", "text")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes what was."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    @display(description="")
    def edit(self, row: PolicyVersion) -> str:
        """The way to the next version."""
        return format_html('<a href="{}?from={}">edit</a>', reverse("admin:inventory_policyversion_add"), row.pk)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The text that the new one is made from: of the wanted version, which the newest number goes with."""
        row = PolicyVersion.objects.filter(
            pk=request.GET.get("from", "0") if request.GET.get("from", "0").isdigit() else 0
        ).first()
        if row is None:
            return {"based_on": 0}
        last = versions.newest(row.name)
        return {"name": row.name, "text": row.text, "based_on": last.number if last else 0}

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Save, unless somebody else was quicker between check and save."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (versions.PolicyChanged, PolicyError) as error:
            messages.error(request, f"nothing was saved: {error}")
            return redirect("admin:inventory_policyversion_changelist")

    def save_model(self, request: HttpRequest, obj: PolicyVersion, form: Any, change: bool) -> None:
        """Make the version, and show what is probably not meant in it."""
        saved = policy_desk.save(
            caller_of(request), obj.name, form.cleaned_data["text"], "admin",
            based_on=form.cleaned_data.get("based_on") or 0, comment=obj.comment,
        )  # fmt: skip
        obj.__dict__.update(saved.__dict__)
        for finding in together([check_text(saved.text, saved.name, world := _world())], world)[0].findings[:_SHOWN]:
            level = messages.INFO if finding.severity == "note" else messages.WARNING
            messages.add_message(request, level, str(finding))


def _world() -> World:
    """What the text is held against; only itself while the inventory is away."""
    now = int(time.time())
    try:
        return world_of(client.snapshot(), now)
    except InventoryUnavailable:
        return World(now)
