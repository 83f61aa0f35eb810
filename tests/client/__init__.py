"""Tests of the client, over HTTP against a running server."""
