"""What tests share: clocks, databases, service APIs, builders."""
