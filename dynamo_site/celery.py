"""The Celery application: its settings are Django's ``CELERY_*``, its tasks those of the components' ``tasks.py``."""

import os

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dynamo_site.settings")

# Every task gets a process of its own unless it says ``isolated=False``.
app = Celery("dynamo", task_cls="scheduler.isolation:IsolatedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**_: object) -> None:
    """Celery leaves logging alone when somebody listens to this signal: Django has set it up."""
