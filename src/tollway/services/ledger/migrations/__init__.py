"""The ledger's schema, in the order it grew."""
