"""What a ProtectedDisk needs: wanted (desired), seen (observed), the rules, the plan, the status.

To find out why a disk waits, read ``PROVISIONING_RULES`` in ``rules/`` from the top.
"""
