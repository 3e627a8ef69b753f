"""The history of the mock's tables."""
