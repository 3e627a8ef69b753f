"""Locations: the places where the operator's traffic leaves."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Location:
    """One place, as the world sees it. `country` is ISO 3166-1 alpha-2; empty is what the operator did not say."""

    id: str
    name: str
    country: str = ""
    region: str = ""
    city: str = ""


DEFAULT_LOCATIONS = (Location(id="direct", name="The server's own address"),)
