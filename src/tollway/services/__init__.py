"""Floor 2: the business rooms. A room reaches another only through its door in `contracts`."""
