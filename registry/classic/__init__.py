"""The classic endpoints under ``/data/`` (and ``/registry/``), for clients of the first Dynamo.

A thin layer: ``parameters`` declares and checks what a call gives, ``envelope`` makes a function an endpoint and dresses
its answer; the other modules are the endpoints by path. Other components make theirs with the same two.
"""
