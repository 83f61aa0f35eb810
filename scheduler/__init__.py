"""Who may read and write the inventory when, and the processes that do it.

In: a wish to run (a cycle on schedule, a person's request, a web write). Out: a run with its snapshot, its turn to
write, its log and its end. Read ``runs.py`` first (what components call), then ``turns.py`` (the queue for the one
write turn) and ``jobs.py`` (how the worker gives each cycle its own process). Users' own programs and sequences of them are in
``programs/`` and ``sequencing/``; ``applications.py`` and ``sequences.py`` are what pages, API and commands call.
"""
