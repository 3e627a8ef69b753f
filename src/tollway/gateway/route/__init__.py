"""Which request goes where: routes, the files they come from, the compiled table and how it is replaced."""
