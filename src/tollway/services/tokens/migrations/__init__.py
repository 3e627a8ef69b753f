"""The history of the tokens room's tables."""
