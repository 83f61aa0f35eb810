"""Subcommands of ``manage.py dealer``, one module each."""
