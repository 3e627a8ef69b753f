"""Floor 1: sans-I/O codecs. Bytes in, events out; nothing in here opens, reads or writes a socket."""
