"""How long Azure takes for what it does, and how often the operator looks: to ask earlier is a wasted call."""

from __future__ import annotations

from datetime import timedelta

# When nothing tells that something has changed: the longer it lasts the less often, down to the slow one.
RECHECK_INTERVAL = timedelta(minutes=5)
# For what holds something else up for long, such as soft-deleted backup instances.
SLOW_RECHECK_INTERVAL = timedelta(hours=1)

OPERATION_POLL = timedelta(seconds=20)
# An operation that cannot be read for so long never will be.
OPERATION_READABLE_WITHIN = timedelta(minutes=30)
# One that still runs after so long is not waited for any more: the longest that was seen took an hour.
OPERATION_ENDS_WITHIN = timedelta(hours=6)

VAULT_CHANGE_TAKES = timedelta(seconds=10)
# A validation takes about a minute, and so does the configuration of an instance after its PUT has succeeded.
VALIDATION_TAKES = timedelta(seconds=65)
CONFIGURATION_TAKES = timedelta(seconds=65)
INSTANCE_CHANGE_TAKES = timedelta(seconds=20)
JOB_START_TAKES = timedelta(seconds=30)
# A backup of a small disk takes three and a half minutes, and reading a job is a scarce call.
JOB_POLL = timedelta(seconds=60)
# How long a job may take to appear in the list after its request; only then a lost request is sent again.
JOB_APPEARS_WITHIN = timedelta(minutes=5)
