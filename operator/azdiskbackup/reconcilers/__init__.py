"""One short file a kind: gather, decide, act, report. What is decided, and why, is in ``core/<kind>/rules.py``."""
