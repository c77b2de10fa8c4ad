"""How things are named: ARM ids, names in Azure, roles."""
