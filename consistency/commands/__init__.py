"""The subcommands of ``manage.py consistency``."""
