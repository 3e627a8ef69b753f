"""The history of the users service's tables."""
