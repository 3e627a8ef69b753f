"""The history of the plumbing tables that every room's database carries."""
