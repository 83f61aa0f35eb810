"""The inventory's server process: leads the log, publishes the image, keeps tables and checkpoints following.

Read ``process.py`` (life of the process), ``flight.py`` (what goes over the network), ``wire.py`` (in which form).
"""
