"""Tollway: one self-hosted platform for running an internet-access business.

Read `topology` first: it names every room, the doors it asks and the facts it hears.
"""

__version__ = "0.1.0"
