"""ARM's dialect: paths, headers, error envelopes, tokens, TLS; and the controls for tests."""
