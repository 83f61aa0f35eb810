"""The least change that would have turned a decision: what a cycle would have done had one thing, or two, been otherwise.

In go the inputs of a cycle and a replica; out come changes, each of which was verified by deciding the whole cycle again with it.
Read ``search.py`` first; ``proposals.py`` says what is tried, ``edits.py`` how it is done to the inputs, ``costs.py`` what is the least.
"""
