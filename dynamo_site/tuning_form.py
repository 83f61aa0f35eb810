"""The form of one tuned setting: a choice of those that there are, and a value that its component takes."""

from __future__ import annotations

from typing import Any, cast

from django.core.exceptions import ValidationError
from django.forms import ChoiceField, ModelForm
from django.utils.html import format_html, format_html_join
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from dynamo_site import tuning
from inventory.models import TunedSetting


class TunedSettingForm(ModelForm):  # type: ignore[type-arg]
    """Component and name are chosen together; the value is JSON."""

    setting = ChoiceField(widget=UnfoldAdminSelectWidget)

    class Meta:
        model = TunedSetting
        fields = ("value",)
        widgets = {"value": UnfoldAdminTextareaWidget(attrs={"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "value" not in self.fields:
            return  # who may only look at it is shown no fields
        chosen = cast(ChoiceField, self.fields["setting"])
        chosen.choices = _choices()
        chosen.help_text = format_html_join("", "<b>{}</b>: {}<br>", _descriptions())
        self.fields["value"].help_text = format_html(
            "As JSON: {}, {}, {} or {}.", "true", "0.9", '"text"', '["one", "two"]'
        )
        if self.instance.pk:
            key = f"{self.instance.component}.{self.instance.name}"
            chosen.initial, chosen.disabled = key, True
            if (self.instance.component, self.instance.name) not in tuning.known():
                chosen.choices = [(key, key)]

    def clean(self) -> dict[str, Any]:
        """Refuse a value that the component would not take beside what is tuned already."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "setting" not in cleaned or "value" not in cleaned:
            return cleaned
        component, _, name = cleaned["setting"].partition(".")
        rows = TunedSetting.objects.filter(component=component).exclude(pk=self.instance.pk)
        others = dict(rows.values_list("name", "value"))
        if name in others:
            raise ValidationError({"setting": f"{component}.{name} is tuned already; change that row"})
        try:
            tuning.check(component, name, cleaned["value"], others)
        except ValueError as error:
            raise ValidationError({"value": str(error)}) from error
        self.instance.component, self.instance.name = component, name
        return cleaned


def _choices() -> list[tuple[str, list[tuple[str, str]]]]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for (component, name), setting in tuning.known().items():
        groups.setdefault(component, []).append((f"{component}.{name}", f"{name} ({setting.kind}): {setting.default}"))
    return list(groups.items())


def _descriptions() -> list[tuple[str, str]]:
    return [(component, tuning.description(component)) for component in tuning.DECLARATIONS]
