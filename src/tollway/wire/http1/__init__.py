"""HTTP/1.1 as bytes in, events out (RFC 9110, RFC 9112): strict, without I/O, counted to the byte.

The grammar is read by httptools (llhttp). On top of it stands what a server in front of other servers must
also insist on, because request smuggling lives in what two parsers read differently: exactly one valid
Host, Transfer-Encoding only `chunked`, never beside a Content-Length, one plain Content-Length, size caps,
no header names with underscores, and not one byte served after an error.

    reader = RequestReader()
    reader.feed(data)                 # any pieces, cut anywhere
    for event in reader:              # RequestHead, Data..., End, next RequestHead... one message at a time
        ...
    reader.rest()                     # after CONNECT or an upgrade: the bytes that are no longer HTTP

Every event has a `size`: the bytes it took on the wire, so the sizes add up to all that was consumed.
A message that breaks a rule raises BadHead or BadBody, and the reader stays dead from then on.
`heads` has the nouns, `requests` and `responses` the two readers, `framing` the bodies, `writing` the way back.
"""

from tollway.wire.http1.heads import (
    BadBody,
    BadHead,
    BadMessage,
    Data,
    End,
    Framing,
    Headers,
    HeadLimits,
    RequestHead,
    ResponseHead,
)
from tollway.wire.http1.requests import RequestReader
from tollway.wire.http1.responses import ResponseReader
from tollway.wire.http1.writing import (
    LAST_CHUNK,
    status_line,
    strip_hop_by_hop,
    write_chunk,
    write_request_head,
    write_response_head,
)

__all__ = [
    "LAST_CHUNK",
    "BadBody",
    "BadHead",
    "BadMessage",
    "Data",
    "End",
    "Framing",
    "HeadLimits",
    "Headers",
    "RequestHead",
    "RequestReader",
    "ResponseHead",
    "ResponseReader",
    "status_line",
    "strip_hop_by_hop",
    "write_chunk",
    "write_request_head",
    "write_response_head",
]
