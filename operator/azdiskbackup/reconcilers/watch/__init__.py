"""What wakes whom."""
