"""Tollway: one self-hosted platform for running an internet-access business.

Read `topology` first: it names every service; its manifest says which APIs it calls and which events it subscribes to.
"""

__version__ = "0.1.0"
