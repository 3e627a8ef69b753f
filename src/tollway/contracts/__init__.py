"""Floor 1: the doors. One `.proto` per service with its generated code beside it; `events`; `errors`.

A room reaches another only through the stub generated from that room's `.proto`. Identifiers are the
prefixed strings of `kit.ids`, amounts are int64 units of their asset, times are `_us` since the epoch.
"""
