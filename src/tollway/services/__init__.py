"""Floor 2: the business services. A service reaches another only through its service API in `contracts`."""
