"""Faults injected at every step of the inventory's life, by schedules that are drawn from a seed.

A schedule (``schedule.py``) is a few rounds of a server's life, each with change sets to take (``workload.py``) and one
fault: killed, paused while another takes the lead, power cut, disk full, database connection lost, at one effect of one
family of steps. Each round is a process of its own (``processes.py``, ``rounds.py``), forked from one that has never
used Polars, whose threads no fork survives. Effects are caught at the edges of the product (``effects.py``,
``durability.py``): database statements and commits, what is done to files. After each round everything that follows the
log is compared with a replay of the log from zero, and in the end every change set is sent again (``judging.py``).

``python -m tests.inventory.faults`` runs any seeds; ``mutations.py`` breaks the product to show that schedules notice.
"""
