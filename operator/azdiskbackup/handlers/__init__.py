"""The only package that imports Kopf: watches, start-up, clean-up, login, probes. A handler only ever enqueues."""
