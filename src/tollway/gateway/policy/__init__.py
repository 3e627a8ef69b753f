"""Whether a request may go on, and as whom: credentials, limits, web origins."""
