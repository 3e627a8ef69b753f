"""The history of the plumbing tables that every service's database carries."""
