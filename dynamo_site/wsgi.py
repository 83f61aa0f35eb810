"""Entry point for WSGI servers."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dynamo_site.settings")
application = get_wsgi_application()
# What is there now stays: looking through all of it for garbage again and again would hold up requests.
gc.collect()
gc.freeze()
