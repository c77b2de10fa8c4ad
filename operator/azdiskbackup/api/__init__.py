"""The kinds that users write, as models: the one source of the CRDs, the defaults and the descriptions."""
