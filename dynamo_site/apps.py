"""Django application that wires the components together."""

from django.apps import AppConfig


class DynamoSiteConfig(AppConfig):
    name = "dynamo_site"
    verbose_name = "Dynamo"

    def ready(self) -> None:
        """Make the Celery application the current one, so that every process can send tasks; register the checks."""
        from dynamo_site import celery, checks  # noqa: F401 - importing makes and registers them
