"""Subcommands of ``manage.py policy``."""
