"""The history of the tokens service's tables."""
