"""The REST routes of every service and the gateway, without one behind them: what the API is described from."""

import importlib
from inspect import signature
from typing import Any

from fastapi import APIRouter

from tollway.topology import GATEWAY, SERVICES


def routers() -> dict[str, APIRouter]:
    """Build the router of each service that has one, and the gateway's, by their names."""
    served = {service.name: f"services.{service.name}" for service in SERVICES.values() if service.rest}
    return {name: _router(module) for name, module in {**served, GATEWAY: "gateway"}.items()}


def _router(module: str) -> APIRouter:
    make: Any = importlib.import_module(f"tollway.{module}.http").router
    return make(*(None for _ in signature(make).parameters))
