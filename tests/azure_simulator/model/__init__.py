"""What Azure is, without HTTP: deterministic, so that the same commands at the same times lead to the same state."""
