"""What an operator may change about access."""

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from tollway.services.access.model.units import Unit


class LeaseBounds(NamedTuple):
    """The largest slice that a lease may be, and how little is granted whole; in one unit."""

    most: int
    floor: int


class AccessSettings(BaseModel):
    """Section `access`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    default_asset: str = Field(
        "bandwidth.datacenter.standard",
        description="What a new access draws on when nobody said, and its customer holds nothing else",
    )
    max_resources: int = Field(20, ge=1, description="Accesses a customer may have at once")
    max_credentials: int = Field(20, ge=1, description="Credentials an access may have at once")
    source_prefix_v4: int = Field(
        32,
        ge=24,
        le=32,
        description="The largest IPv4 network that may be let in without a password (32: one address)",
    )
    source_prefix_v6: int = Field(
        64, ge=48, le=128, description="The same for IPv6; a household or a machine often has a /64"
    )
    tests_per_minute: int = Field(
        6, ge=1, description="Connection tests that a customer may ask for in a minute"
    )
    max_flows: int = Field(
        1_000,
        ge=1,
        description="Connections that an access may have at once on each node (each worker counts for itself); "
        "customers may set less",
    )
    grant_cache_s: float = Field(10.0, ge=0, description="How long a node may remember a grant")
    lease_divisor: int = Field(8, ge=1, description="A slice is at most this part of what is left")
    max_lease_bytes: int = Field(256 * 1024**2, ge=65_536, description="The largest slice a node is granted")
    lease_floor_bytes: int = Field(65_536, ge=1, description="What is left below this is granted whole")
    max_lease_seconds: int = Field(3600, ge=60, description="The same for what is counted in seconds")
    lease_floor_seconds: int = Field(60, ge=1, description="The same for what is counted in seconds")
    lease_s: float = Field(900.0, ge=10, description="How long a lease lasts without a report")
    grace_s: float = Field(120.0, ge=0, description="How long after that a silent node may still come back")
    node_online_s: float = Field(
        45.0, gt=0, description="A node that was silent for longer is offered to nobody"
    )

    def lease_bounds(self, unit: Unit) -> LeaseBounds:
        """Return how large leases of a unit are."""
        if unit is Unit.SECOND:
            return LeaseBounds(self.max_lease_seconds, self.lease_floor_seconds)
        return LeaseBounds(self.max_lease_bytes, self.lease_floor_bytes)
