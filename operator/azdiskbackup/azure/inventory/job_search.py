"""Jobs of requests whose answers were lost, found by the ids of the requests among all jobs of a vault.

A vault lists its jobs of two weeks without a filter: hundreds of pages for thousands of disks, more than may be read at
once. So a search goes page by page, as its turns come, and is made for all who wait when it begins.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from azdiskbackup.azure.gateways.backups import Backups
from azdiskbackup.azure.transport.request_scope import in_background, page_by_page
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureJob
from azdiskbackup.core.rules.lookup import NOT_FOUND, FetchFailed, NotFound
from azdiskbackup.errors import OperatorError, Throttled

Answer: TypeAlias = AzureJob | NotFound | FetchFailed


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Who waits for the job of a request, and the time from which on its absence proves that there is none."""

    who: Hashable
    proves_from: datetime


@dataclass(slots=True)
class _Run:
    """A search: for which requests, and how far it got."""

    began: datetime
    ids: frozenset[str]
    found: dict[str, AzureJob] = field(default_factory=dict)
    next_page: str | None = None


@dataclass(slots=True)
class _Vault:
    wanted: dict[str, _Wanted] = field(default_factory=dict)
    run: _Run | None = None
    answers: dict[str, tuple[datetime, Answer]] = field(default_factory=dict)


class JobSearch:
    """The searches of all vaults.

    Args:
        backups: lists the jobs.
        now: the time.
        wake: is told of a vault in which somebody has to ``search``.
    """

    def __init__(self, backups: Backups, now: Callable[[], datetime], wake: Callable[[ArmId], None]) -> None:
        self._backups = backups
        self._now = now
        self._wake = wake
        self._vaults: dict[str, _Vault] = {}

    def ask(self, vault: ArmId, request_id: str, who: Hashable, proves_from: datetime) -> Answer | None:
        """Return the job of a request, or that there is none; None while it is searched for, and ``who`` is told.

        Args:
            vault: where.
            request_id: the id of the request.
            who: is returned by ``search`` when there is an answer.
            proves_from: only a search that begins then or later proves that there is no job; it is not in the future.
        """
        known = self._vaults.setdefault(str(vault).lower(), _Vault())
        key = request_id.lower()
        began, answer = known.answers.pop(key, (proves_from, None))
        # An answer that nobody took may be about an earlier request.
        if answer is None or (answer == NOT_FOUND and began < proves_from):
            known.wanted.setdefault(key, _Wanted(who, proves_from))
            self._wake(vault)
            return None
        return answer

    async def search(self, vault: ArmId) -> list[Hashable]:
        """Search on; return those for whom there is an answer now.

        Raises:
            RateLimited: it is not our turn; the next call goes on with the next page.
            Throttled: as well.
        """
        known = self._vaults.setdefault(str(vault).lower(), _Vault())
        told: list[Hashable] = []
        while known.wanted:
            run = known.run = known.run or _Run(self._now(), frozenset(known.wanted))
            answers: dict[str, Answer]
            try:
                await self._read(vault, run)
                answers = {each: run.found.get(each, NOT_FOUND) for each in run.ids}
            except Throttled:
                raise
            except OperatorError as error:
                answers = dict.fromkeys(run.ids, FetchFailed(error))
            known.run = None
            for each, answer in answers.items():
                wanted = known.wanted[each]
                if answer != NOT_FOUND or run.began >= wanted.proves_from:
                    del known.wanted[each]
                    known.answers[each] = run.began, answer
                    told.append(wanted.who)
        return told

    async def _read(self, vault: ArmId, run: _Run) -> None:
        with in_background(), page_by_page():
            while len(run.found) < len(run.ids):
                jobs, run.next_page = await self._backups.jobs_page(vault, run.next_page)
                run.found |= {job.activity_id.lower(): job for job in jobs if job.activity_id.lower() in run.ids}
                if run.next_page is None:
                    return
