"""The catalogue's schema, in the order it grew."""
