"""Keeps the processes of `tollway up` running.

It is a program of its own, with few libraries: it lives as long as the platform does, and needs 10 MB where the command
line that works out what to run needs 40. `tollway up` becomes this program when everything is checked and planned.
"""
