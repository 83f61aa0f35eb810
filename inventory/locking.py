"""What a loaded inventory tells about locks, for whoever keeps locks: the inventory itself has none."""

from django.dispatch import Signal

locks_read = Signal()
"""Sent after a load with ``locks``, a frame of block replicas (dataset, block, site), and ``author``."""
