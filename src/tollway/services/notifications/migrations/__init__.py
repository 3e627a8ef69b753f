"""The schema of notifications, in the order it grew."""
