"""The command for people: `kubectl azdiskbackup`. It works with the caller's own rights, in Kubernetes and in Azure.

``app.py`` has the commands and their options, and imports nothing slow; each command is a module of ``commands``.
"""
