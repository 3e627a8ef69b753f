"""The schema of orders, in the order it grew."""
