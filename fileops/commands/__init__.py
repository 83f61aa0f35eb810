"""Subcommands of ``manage.py fileops``: one module each, with ``HELP``, ``add_arguments(parser)`` and ``run(options, out)``."""
