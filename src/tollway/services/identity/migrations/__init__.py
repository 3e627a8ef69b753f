"""The history of the identity room's tables."""
