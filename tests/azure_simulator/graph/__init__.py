"""Azure Resource Graph: two tables, and as much of its query language as is asked of it here."""
