"""The connection to Azure: credential, errors, what is checked before the start."""
