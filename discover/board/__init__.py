"""A local page of all runs below a folder: list, compare, follow, start, stop and resume them.

It knows a run by its folder alone and starts runs with the `discover` command, so that closing it stops nothing.
"""
