"""The kinds of ``azdiskbackup.io/v1alpha1``."""
