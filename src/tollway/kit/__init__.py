"""Floor 0: pure values. Nothing in here performs I/O or imports from another floor."""
