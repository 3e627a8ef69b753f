"""Floor 1: the service APIs. One `.proto` per service with its generated code beside it; `events`; `errors`.

A service reaches another only through the stub generated from that service's `.proto`. Identifiers are the
prefixed strings of `kit.ids`, amounts are int64 units of their asset, times are `_us` since the epoch.
"""
