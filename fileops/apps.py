"""Django application of this component."""

from django.apps import AppConfig


class FileopsConfig(AppConfig):
    name = "fileops"
    verbose_name = "File operations"
    default_auto_field = "django.db.models.BigAutoField"
