"""Real servers for the tests: Redis, MariaDB, XRootD, nginx, Chromium.

Each is a session fixture (``fixtures.py``) that starts the server on a free port or socket in one temporary directory
and stops it at the end. ``guard.py`` stops whatever is left when the test run is killed. Read ``fixtures.py`` first.
"""
