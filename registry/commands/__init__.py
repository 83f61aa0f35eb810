"""Subcommands of the registry's management commands, one module each."""
