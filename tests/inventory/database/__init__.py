"""The inventory with a database that is away, read-only, slow or narrow: a real MariaDB behind a proxy that spoils it.

``proxy.py`` is the network between, ``world.py`` the servers and what tests ask of them.
"""
