"""The mock's HTTP side: the API for programs, pages for people, and what plans its faults.

api.py       /v1/…                  Stripe's API
pages.py     /checkout/… /3ds/…     the pages a paying customer sees
dashboard.py / and /mock/objects    what happened, for the developer
control.py   /mock/reset, /mock/faults
markup.py    how the pages look
guard.py     keeps other web sites out
"""

from fastapi import FastAPI

from tollway.services.payments_mock.http import api, control, dashboard, pages
from tollway.services.payments_mock.http.guard import SiteGuard
from tollway.services.payments_mock.service import PaymentsMock

__all__ = ["app"]


def app(service: PaymentsMock) -> SiteGuard:
    """Make the mock's application, to be served on a port of its own."""
    made = FastAPI(title="Payments mock", docs_url=None, redoc_url=None, openapi_url=None)
    for part in (api, pages, control, dashboard):
        made.include_router(part.router(service))
    return SiteGuard(made, service.hosts)
