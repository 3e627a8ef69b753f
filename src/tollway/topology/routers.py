"""The REST routes of every service, without a service behind them: what tools and tests describe the API from."""

import importlib

from fastapi import APIRouter

from tollway.topology import SERVICES


def routers() -> dict[str, APIRouter]:
    """Build the router of each service that has one, by the service's name."""
    return {
        service.name: importlib.import_module(f"tollway.services.{service.name}.http").router(None)
        for service in SERVICES.values()
        if service.rest
    }
