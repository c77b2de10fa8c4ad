"""What a command asks the API server, and Azure."""
