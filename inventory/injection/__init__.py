"""Injection documents: JSON that describes new datasets, blocks, files, replicas, sites and groups, or what shall go.

In: a snapshot and a document (see ``docs`` of POST /data/inventory/inject). Out: a :class:`Plan`: rows of a change set, the
copies that follow from it, and counts. Pure; read ``document.py`` for what a document may say, ``planning.py`` for what it means.
"""

from inventory.injection.deletion import plan_deletion
from inventory.injection.plan import Plan
from inventory.injection.planning import plan

__all__ = ["Plan", "plan", "plan_deletion"]
