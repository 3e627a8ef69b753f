"""The operations of orders.

orders.py     `Orders`, which the outside knows, made of these parts
quotes.py     prices, and quotes that keep them
market.py     orders: placing, looking, cancelling
saga.py       the steps that settle what was placed; postings.py: the ledger transactions of them
preview.py    what a change of a price or of capacity would do
portfolio.py  what a customer holds
"""

from tollway.services.orders.service.orders import Orders

__all__ = ["Orders"]
