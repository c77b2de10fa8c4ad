"""What each request to Azure passes through."""
