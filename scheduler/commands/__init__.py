"""Subcommands of ``manage.py application`` and ``manage.py sequence``."""
