"""One gateway for each resource of Azure."""
