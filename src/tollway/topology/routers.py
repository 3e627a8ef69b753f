"""The REST routes of every service, without a service behind them: what tools and tests describe the API from."""

import importlib
from inspect import signature
from typing import Any

from fastapi import APIRouter

from tollway.topology import SERVICES


def routers() -> dict[str, APIRouter]:
    """Build the router of each service that has one, by the service's name."""
    return {service.name: _router(service.name) for service in SERVICES.values() if service.rest}


def _router(service: str) -> APIRouter:
    make: Any = importlib.import_module(f"tollway.services.{service}.http").router
    return make(*(None for _ in signature(make).parameters))
