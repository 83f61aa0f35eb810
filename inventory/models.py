"""What the inventory stores in the database."""

from django.db import models


class TunedSetting(models.Model):
    """A value that an operator set over a component's default (see ``inventory.tuning``)."""

    component = models.CharField(max_length=64)
    name = models.CharField(max_length=64)
    value = models.JSONField()
    changed_by = models.CharField(max_length=150, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["component", "name"], name="one_value_per_setting")]

    def __str__(self) -> str:
        return f"{self.component}.{self.name}"
