"""The only package that imports the Azure SDKs: one gateway a thing, answers as values of ``core.azure_model``.

Mutating calls are submitted, never awaited to their end and never retried here: a backup sent twice is two backups.
"""
