"""A chunked request body on its way to the origin: read, checked, counted as sent, and chunked anew."""

import socket
from typing import Protocol

from tollway.edge.reactor import CHUNK_BYTES, Reactor
from tollway.edge.spend import Spend
from tollway.wire.http1 import LAST_CHUNK, BadMessage, Data, End, RequestReader, write_chunk


class UploadOwner(Protocol):
    """What an upload is part of."""

    def upload_ended(self) -> None:
        """Everything was passed on."""
        ...

    def upload_failed(self, *, client_lost: bool) -> None:
        """The client is gone, or the origin does not listen any more."""
        ...

    def upload_malformed(self, bad: BadMessage) -> None:
        """The client breaks the rules."""
        ...

    def out_of_quota(self) -> None:
        """The quota is used up."""
        ...


class ChunkedUpload:
    """Takes one event after the other from the reader, as long as the origin takes them; shaped like a pump."""

    __slots__ = (
        "_client",
        "_event",
        "_last",
        "_origin",
        "_reactor",
        "_reader",
        "_spend",
        "_taken",
        "_unsent",
        "_uploading",
        "_waiting",
        "done",
        "peer_finished",
        "readable",
        "writable",
    )

    def __init__(
        self,
        uploading: UploadOwner,
        spend: Spend,
        reader: RequestReader,
        client: socket.socket,
        origin: socket.socket,
        reactor: Reactor,
    ) -> None:
        self._uploading, self._spend, self._reader = uploading, spend, reader
        self._client, self._origin, self._reactor = client, origin, reactor
        self._event: Data | End | None = None
        self._unsent = b""
        self._taken = 0  # of the event's bytes, so far
        self._last = self._waiting = False
        self.readable = self.writable = True
        self.done = self.peer_finished = False

    def run(self) -> None:
        """Go on until the client has no more, the origin takes no more, or the quota must grow."""
        try:
            while not self.done and not self._waiting and self._step():
                pass
        except BadMessage as bad:
            self.done = True
            self._uploading.upload_malformed(bad)

    def abandon(self) -> None:
        """Stop. What was taken for an event that never was complete is given back."""
        self.done = True
        self._spend.unused(self._taken)
        self._taken = 0

    def _step(self) -> bool:
        if self._unsent:
            return self._send()
        if self._event is None:
            event = self._reader.next_event()
            if event is None:
                return self._read()
            assert isinstance(event, (Data, End)), "a head follows only after the end"
            self._event = event
        return self._charge(self._event)

    def _charge(self, event: Data | End) -> bool:
        """Take the event's bytes, as they may move; pass it on when it has all of them."""
        spend = self._spend
        taken = spend.take(event.size - self._taken)
        self._taken += taken
        if self._taken < event.size:
            if taken:
                return True
            if spend.exhausted:
                spend.count_in(self._taken)  # they have come, and the holding ends with them
                self._taken = 0
                self._uploading.out_of_quota()
            else:
                self._waiting = True
                spend.wait(self._resume)
            return False
        spend.count_in(event.size)
        self._taken = 0
        self._event = None
        if isinstance(event, End):
            self._unsent, self._last = LAST_CHUNK, True
        else:
            self._unsent = write_chunk(event.payload)
        return True

    def _send(self) -> bool:
        if not self.writable:
            return False
        try:
            sent = self._origin.send(self._unsent)
        except BlockingIOError:
            self.writable = False
            self._reactor.arm(self._origin)
            return False
        except OSError:
            self.done = True
            self._uploading.upload_failed(client_lost=False)
            return False
        self._unsent = self._unsent[sent:]
        if self._last and not self._unsent:
            self.done = True
            self._uploading.upload_ended()
        return True

    def _read(self) -> bool:
        if not self.readable:
            return False
        try:
            got = self._client.recv_into(self._reactor.scratch, CHUNK_BYTES)
        except BlockingIOError:
            self.readable = False
            return False
        except OSError:
            got = 0
        if not got:
            self.done = True
            self._uploading.upload_failed(client_lost=True)
            return False
        if got < CHUNK_BYTES and not self.peer_finished:
            self.readable = False
        self._reader.feed(self._reactor.scratch[:got].tobytes())
        return True

    def _resume(self) -> None:
        self._waiting = False
        self.run()
