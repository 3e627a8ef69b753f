"""Sockets and time: the listeners, and the connections of clients."""
