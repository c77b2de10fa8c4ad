"""What is known of all disks at once."""
