"""What times and counts running nodes: for `jcc bench`, `hop`, `link` and the like."""
