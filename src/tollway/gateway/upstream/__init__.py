"""Where requests go: clusters of endpoints, their connections, their health."""
