"""One request and its response: the exchange between a client's connection and an upstream's."""
