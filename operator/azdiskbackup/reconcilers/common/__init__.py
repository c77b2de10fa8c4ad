"""What all kinds share: the pass, its context, its one step, its status."""
