"""Symbolic-regression engines: each runs in a process of its own, which this package starts and which it serves.

`serve.py` is the loop of such a process, `operon.py` and `pysr.py` are what it does; the process that searches
imports none of these. `julia.py` looks whether there is a Julia.
"""
