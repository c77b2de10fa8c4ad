"""Objects that a restore of manifests brought back: what they ask for was asked for long ago, and not once more.

A restore makes an object anew, with another uid and without its status, so that nothing else tells it from a new wish.
"""

from __future__ import annotations

from datetime import timedelta

from azdiskbackup.core.objects.resource import Resource, parse_time

# What restores leave on the objects that they make. Velero, and what is built on it (AKS Backup, OADP, CloudCasa), sets
# the first two (velero: pkg/apis/velero/v1/labels_annotations.go); the last is for tools that can be told to add one.
RESTORE_LABELS = ("velero.io/restore-name", "velero.io/backup-name", "azdiskbackup.io/restored")
# By which Velero leaves an object out of its backups.
EXCLUDE_FROM_BACKUP = {"velero.io/exclude-from-backup": "true"}
# More than clocks differ.
_CLOCKS_DIFFER = timedelta(hours=1)


def restored_by(resource: Resource) -> str | None:
    """Return how a run-once object shows that it was brought back, in words; None for one that somebody made.

    What has begun goes on, whatever label is put on it meanwhile. What has begun before its object was made was
    restored with its status, as Velero does on request.
    """
    begun = resource.status.get("startTime")
    if begun:
        is_older = parse_time(begun) < resource.created - _CLOCKS_DIFFER
        return "its status is older than the object" if is_older else None
    found = next((label for label in RESTORE_LABELS if label in resource.labels), None)
    return f"it carries the label {found}" if found else None
