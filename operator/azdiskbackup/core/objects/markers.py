"""What marks objects of the cluster: our finalizer, a label, and annotations by which a person asks for something."""

from __future__ import annotations

FINALIZER = "azdiskbackup.io/finalizer"
# The label by which a PVC and a PersistentVolume show which DiskRestore made them: its uid.
MADE_BY = "azdiskbackup.io/made-by-restore"
# Their values are uids, so that no manifest can carry them beforehand: of the object that is to go, and of the PVC to
# whose disk an object is to change over, which is one change of the disk, and no later one.
ABANDON = "azdiskbackup.io/abandon-in-azure"
FOLLOW_PVC = "azdiskbackup.io/follow-pvc"
# Any new value has the object looked at at once, as after a restart: no pause, and nothing known earlier, holds.
REQUESTED_AT = "azdiskbackup.io/requested-at"
# The label by which a ProtectedDisk belongs to a DiskProtectionRule, whose name it has; without it, it is a person's.
RULE = "azdiskbackup.io/rule"
# The label of a ProtectedDisk that its rule stopped, and resumes.
STOPPED_BY_RULE = "azdiskbackup.io/stopped-by-rule"
# The label on a PVC or a namespace: "false" keeps the rules that allow it from protecting it.
PROTECT = "azdiskbackup.io/protect"
# On a rule: `COUNT@SINCE` of the withdrawal that a person acknowledges, as its status tells them.
ACKNOWLEDGE = "azdiskbackup.io/acknowledge-withdrawal"
