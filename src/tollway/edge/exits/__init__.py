"""Upstreams: the ways in which a target is reached. Only these and the gate open sockets or resolve names."""
