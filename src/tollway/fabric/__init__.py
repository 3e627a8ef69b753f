"""Floor 1: plumbing. A folder per port, its backends side by side; business code sees the port only."""
