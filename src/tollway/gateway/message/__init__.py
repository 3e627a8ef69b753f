"""Requests and responses as values and as bytes: no sockets, no waiting."""
