"""What protection costs as the number of disks grows: ``make bench``."""
