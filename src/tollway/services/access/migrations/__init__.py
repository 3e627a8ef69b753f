"""The schema of access, in the order it grew."""
