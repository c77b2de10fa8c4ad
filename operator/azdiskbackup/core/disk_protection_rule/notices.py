"""What the author of a PVC's label should know when a rule protects it all the same."""

from __future__ import annotations

from collections.abc import Iterator

from azdiskbackup.core.disk_protection_rule.claim import Claim
from azdiskbackup.core.disk_protection_rule.desired import Desired
from azdiskbackup.core.objects.markers import PROTECT
from azdiskbackup.core.rules import reasons


def notices(claim: Claim, desired: Desired) -> Iterator[tuple[str, str]]:
    """Yield the reason and the note of each event on a PVC that a rule has begun to protect."""
    rule = f"DiskProtectionRule {desired.name!r}"
    if claim.misread_label is not None:
        yield (
            reasons.LABEL_NOT_UNDERSTOOD,
            f"The label {PROTECT} has the value {claim.misread_label!r}, which says nothing: {rule} protects the PVC. "
            'Use "false" to opt out, or "true".',
        )
    if claim.opts_out and desired.spec.opt_out == "Forbidden":
        yield (
            reasons.OPT_OUT_IGNORED,
            f"{rule} protects the PVC although the label {PROTECT} opts out: the rule has `optOut: Forbidden`. Ask the "
            "platform team.",
        )
