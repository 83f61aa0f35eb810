"""File operations: moves and deletes files at sites until what the engines decided is so, or somebody knows why not.

In: subscriptions (this file to that site, this file off that site) that engines write in the transaction of their
decision (``subscriptions.py``, ``unmanaged.py``), deletion requests and copies that injections want (``requested.py``).
Out: files at sites, history of every attempt, and change sets that tell the inventory what arrived or went.

A round (``rounds.py``) plans (``planning.py``: pure ``verdicts.py``, ``sources.py``, ``lifecycle.py``), moves (``mover.py``:
``operations.py`` over ``storage/``), records (``outcomes.py``) and reports (``complete.py``). Read ``lifecycle.py`` first.
"""
