"""The history of the identity service's tables."""
