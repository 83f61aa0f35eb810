"""The desk between the world and the engines: requests, injections, Detox locks, rights, and the REST interface.

People and services ask (``placing``, ``injections``, ``locks``); engines read what is open and answer (``requests``);
``tracker`` follows activated requests to their end. Whatever is asked is a row that names its user and service, and ends
in a final state with a reason or is visibly open. Life cycles are tables in ``lifecycle``; the classic endpoints under
``/data/`` are a thin layer in ``classic/``. Read ``models`` first.
"""
