"""The history of the payments tables."""
