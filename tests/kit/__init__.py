"""What tests share: clocks, databases, doors, builders."""
