"""What comes from the vendor: the official SDK, read for its parameter types."""
