"""Jobs that an object asks Azure for: one at most, whatever crashes."""
