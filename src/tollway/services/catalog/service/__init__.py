"""The catalogue's operations.

catalog.py    `Catalog`, which the outside knows: browsing and prices, and the parts below
editing.py    the operator's products and plans
capacity.py   capacity that is put up for sale
inventory.py  what is left to sell, as the ledger says
seeding.py    what a new platform sells
"""

from tollway.services.catalog.service.catalog import Catalog, Offer, PlanOffer

__all__ = ["Catalog", "Offer", "PlanOffer"]
