"""What is made for others: the image, and all that a release is."""
