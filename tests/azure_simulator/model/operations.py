"""Long-running operations: they have their own end, which says little about what they started."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from azure_simulator.model.faults import AzureFault, OperationFault
from azure_simulator.model.timeline import Timeline


@dataclass
class Operation:
    """One operation; ``job_id`` is set for those that start a job."""

    id: str
    started: datetime
    ended: datetime | None = None
    fault: OperationFault | None = None
    job_id: str | None = None
    carries_result: bool = False

    @property
    def status(self) -> str:
        if self.ended is None:
            return "Inprogress"
        return "Failed" if self.fault else "Succeeded"


class Operations:
    """All operations by their id."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._all: dict[str, Operation] = {}
        # How the next one ends, having done nothing, whatever it was to do.
        self.next_fault: OperationFault | None = None
        # Whether the next one never ends.
        self.next_endless = False
        self._endless: list[Callable[[], None]] = []

    def start(
        self,
        takes: timedelta,
        finish: Callable[[], OperationFault | None] = lambda: None,
        *,
        carries_result: bool = False,
        release: Callable[[], None] = lambda: None,
    ) -> Operation:
        """Start an operation.

        Args:
            takes: how long it takes.
            finish: runs at its end and says whether it failed.
            carries_result: whether it tells more than that.
            release: runs instead of it when it ends having done nothing.
        """
        name = f"{self._timeline.new_id()};{self._timeline.new_id()}"
        operation = Operation(
            base64.b64encode(name.encode()).decode(),
            self._timeline.now,
            carries_result=carries_result,
        )
        self._all[operation.id] = operation
        planted, self.next_fault = self.next_fault, None

        def end() -> None:
            if planted is not None:
                release()
            operation.fault = planted or finish()
            operation.ended = self._timeline.now

        def give_up() -> None:
            release()
            operation.fault = OperationFault("OperationTimedOut", "The operation took too long.", is_user_error=False)
            operation.ended = self._timeline.now

        endless, self.next_endless = self.next_endless, False
        if endless:
            self._endless.append(give_up)
        else:
            self._timeline.later(takes, end)
        return operation

    def end_endless(self) -> None:
        """Let all operations that never end do so, having done nothing."""
        for give_up in self._endless:
            give_up()
        self._endless.clear()

    def get(self, operation_id: str) -> Operation:
        if operation_id not in self._all:
            raise AzureFault("OperationNotFound", "The operation was not found.")
        return self._all[operation_id]
