"""The whole registry under load while parts of it are killed: what was acknowledged is there, exactly once.

``world.py`` starts a Dynamo (gunicorn, worker, beat, inventory server) on a MariaDB and a Redis of its own, and kills and restarts
parts of it; ``ground.py`` fills it and tells afterwards what is in it; ``traffic.py`` are the clients, who note what they sent
and what was acknowledged; ``verdict.py`` compares. ``python -m tests.load`` (``make load``) runs it for as long as one likes.
"""
