"""Subcommands of ``manage.py detox``: one module each, with ``HELP``, ``add_arguments(parser)`` and ``run(options, out)``."""
