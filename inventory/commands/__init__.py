"""Subcommands of `manage.py inventory`: one module each, with HELP, add_arguments and run."""
