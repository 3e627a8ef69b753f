"""The schema of audit, in the order it grew."""
