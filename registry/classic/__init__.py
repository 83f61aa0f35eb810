"""The classic interface, for clients of the first Dynamo and of the PhEDEx data service: ``/data/``, ``/registry/``, ``/phedexdata/``.

A thin layer over the same services as everything else. To be read first: ``envelope`` makes a function an endpoint. Then
``parameters`` declares and checks what a call gives, ``body`` finds it in query, form and JSON, ``dress`` wraps what comes out,
``addresses`` says where it is; ``rendering`` makes JSON of many rows at once. The other modules are the endpoints by their
paths. Other components make theirs with the same (``detox/api.py``, ``fileops/api.py``).
"""
