"""Django application of this component."""

from django.apps import AppConfig


class DetoxConfig(AppConfig):
    name = "detox"
    verbose_name = "Detox"
    default_auto_field = "django.db.models.BigAutoField"
