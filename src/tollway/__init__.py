"""Tollway: one self-hosted platform for running an internet-access business.

Read `topology` first: it names every service, the service APIs it asks and the events it hears.
"""

__version__ = "0.1.0"
