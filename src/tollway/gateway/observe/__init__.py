"""What is written down about requests: the access log and the metrics."""
