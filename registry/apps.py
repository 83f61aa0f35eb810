"""Django application of this component."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "registry"
    verbose_name = "Registry"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen for locks that come with loaded inventories, for changes that belong into the audit log, and for users who leave."""
        from registry import auditing, loaded_locks  # noqa: F401 - connects its receiver
        from registry.identity import leaving

        auditing.connect()
        leaving.connect()
