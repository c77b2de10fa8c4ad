"""Objects that a restore of manifests brought back: what they ask for was asked for long ago, and not once more.

A restore makes an object anew, with another uid and most often without its status: only what the restore itself writes
on it tells it from a new wish. Ages do not: status is written by another clock than the object's time of creation.
"""

from __future__ import annotations

from azdiskbackup.core.objects.resource import Resource

# What restores leave on the objects that they make. Velero, and what is built on it (AKS Backup, OADP, CloudCasa), sets
# the first two (velero: pkg/apis/velero/v1/labels_annotations.go); the last is for tools that can be told to add one.
RESTORE_LABELS = ("velero.io/restore-name", "velero.io/backup-name", "azdiskbackup.io/restored")
# By which Velero leaves an object out of its backups.
EXCLUDE_FROM_BACKUP = {"velero.io/exclude-from-backup": "true"}


def restored_by(resource: Resource) -> str | None:
    """Return the label by which an object shows that it was brought back; None for one that somebody made."""
    return next((label for label in RESTORE_LABELS if label in resource.labels), None)
