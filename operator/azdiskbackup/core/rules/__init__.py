"""The small machine that the rules of all kinds share."""
