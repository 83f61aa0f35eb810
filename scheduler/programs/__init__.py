"""Users' own programs: taking them in, checking what may run, and running it shut in.

``files.py`` reads a program safely; ``authorised.py`` says who may write with which content; ``keeper.py`` runs one program from
its start to its record (in a worker's child); ``supervisor.py`` and ``confinement.py`` are the processes between the
keeper and the program, and use the standard library only.
"""
