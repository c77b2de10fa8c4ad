"""What a pass of a ProtectedDisk leaves for the next one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureDisk, AzureInstance, InstanceRequest
from azdiskbackup.core.protected_disk.validation import Never, Refused, Validation
from azdiskbackup.core.rules.lookup import NotFound
from azdiskbackup.errors import OperatorError
from azdiskbackup.reconcilers.common.step_runner import StepRunner


@dataclass(slots=True)
class Memory:
    """What a pass leaves for the next one; losing it costs calls, nothing else.

    Attributes:
        new: whether nothing was ever written for the object when this process saw it first.
        validation: how far Azure's validation got.
        validated: what the validation was about; its answer says nothing about another request.
        disk: the disk as it was read, good until ``disk_until``.
        changing: whether the instance changes, or was asked to and does not show it yet: only a look at itself counts.
        holder: the instance in another vault that Azure refused ours for; ``searched`` is the refusal.
        was_owner: whether the instance named the object as its owner when we last saw it.
        failed_job: the failed backup after which the disk was looked at again.
        missed: the due backup for which the restore points were looked through, since no job told of it.
        adopted: an instance in our vault under another name than we would give it.
        turn: when the disk may move to another policy; reserved once, so that it comes.
        doubted: why the right to read the disk was looked at again; once for each cause.
        instance: the instance as a look at itself showed it at ``instance_at``; a picture of the vault that is older
            says less.
    """

    attempts: StepRunner = field(default_factory=StepRunner)
    new: bool | None = None
    validation: Validation = field(default_factory=Never)
    validated: InstanceRequest | None = None
    disk: AzureDisk | None = None
    disk_until: datetime | None = None
    changing: bool = False
    instance: AzureInstance | NotFound | None = None
    instance_at: datetime | None = None
    holder: AzureInstance | None = None
    searched: OperatorError | None = None
    turn: datetime | None = None
    doubted: str | None = None
    adopted: ArmId | None = None
    was_owner: bool = False
    failed_job: str | None = None
    missed: datetime | None = None

    @property
    def refusal(self) -> OperatorError | None:
        """Return how Azure refused the disk, or the last step."""
        return self.validation.error if isinstance(self.validation, Refused) else self.attempts.error
