"""A domain-free runtime for reconcilers: clock, cache, keyed queue, workers, resync."""
