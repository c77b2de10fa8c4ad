"""A stand-in for the parts of Azure that azdiskbackup calls: strict where Azure is strict, awkward where it is awkward.

``model`` is the state machine and knows nothing of HTTP; ``http`` speaks ARM's dialect over TLS; ``client`` drives the
clock, plants faults and reads the log of requests from a test.
"""
