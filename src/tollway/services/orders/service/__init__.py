"""The operations of orders: placing, the saga that settles what was placed, and the portfolio."""

from tollway.services.orders.service.orders import Orders

__all__ = ["Orders"]
