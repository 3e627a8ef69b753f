"""The ledger: money and access in one multi-asset double-entry book."""
