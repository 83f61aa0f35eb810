"""Dealer: distributes data. Proposals of plugins go in; copies that fit every site's limits come out.

A cycle of a partition chooses target sites (``sites.py``), collects proposals from the plugins (``plugins/``), checks and
places them (``engine.py``, a pure function with a recorded seed, helped by ``items.py`` and ``placement.py``), and commits
what was decided site by site (``cycle.py``), so that a cycle killed anywhere is finished by the next one, exactly once.
Read ``proposals.py`` first: what a proposal is and how it can end.
"""
