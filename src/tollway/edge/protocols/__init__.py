"""Protocols: each file is one handshake. It talks to the client, asks the gate, and hands over to the relay.

A protocol cannot dial, resolve, count or refuse by itself, so policy, meter and throttle hold for all alike.
Start reading at `socks5`, which is the shortest; a new protocol looks like it.
"""
