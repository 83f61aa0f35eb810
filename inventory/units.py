"""Sizes as people read them; frames and interfaces have bytes."""

from __future__ import annotations

_PREFIXES = ("", "k", "M", "G", "T", "P", "E")


def volume(size: float) -> str:
    """Bytes in decimal units with three digits: 1500000 is "1.5 MB"."""
    value, prefix = float(size), 0
    while abs(value) >= 999.5 and prefix < len(_PREFIXES) - 1:
        value, prefix = value / 1000, prefix + 1
    return f"{value:.0f} B" if prefix == 0 else f"{value:.3g} {_PREFIXES[prefix]}B"
