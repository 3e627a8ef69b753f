"""The history of the users room's tables."""
