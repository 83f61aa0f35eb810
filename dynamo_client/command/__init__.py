"""The ``dynamo`` command over the client: ``app.py`` puts its commands together, ``options.py`` has what all of them share."""

from dynamo_client.command.app import main

__all__ = ["main"]
