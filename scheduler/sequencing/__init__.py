"""Sequences: what a classic file says, what comes after a step, and doing it.

``classic.py`` reads and writes files; ``engine.py`` decides (pure); ``advance.py`` does it, called by beat.
"""
