"""A report as one HTML page: nothing is loaded from elsewhere, there is no script, and it can be printed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from azdiskbackup.plugin.output.calendar import DayState
from azdiskbackup.plugin.output.formatting import moment
from azdiskbackup.plugin.report.chart import coverage_chart
from azdiskbackup.plugin.report.shapes import Report, RestoreDone, Total, Volume, VolumeDay

# One letter each: a page has tens of thousands of them.
_CLASS = {
    DayState.GOOD: "g",
    DayState.KEPT: "k",
    DayState.SOME: "s",
    DayState.MISSED: "m",
    DayState.FAILED: "f",
    DayState.UNKNOWN: "u",
}
_STYLE = """
:root{color-scheme:light dark;--text:#1f2328;--dim:#57606a;--page:#fff;--card:#f6f8fa;--line:#d0d7de;--good:#1a7f37;
--kept:#57ab6a;--some:#9a6700;--bad:#cf222e;--none:#d0d7de}
@media(prefers-color-scheme:dark){:root{--text:#e6edf3;--dim:#9198a1;--page:#0d1117;--card:#151b23;--line:#3d444d;
--good:#3fb950;--kept:#2f7d3e;--some:#d29922;--bad:#f85149;--none:#3d444d}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem;max-width:72rem;background:var(--page);color:var(--text);
font:14px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .5rem}p{margin:.25rem 0}
.dim{color:var(--dim)}.bad{color:var(--bad)}.good{color:var(--good)}.some{color:var(--some)}
.cards{display:flex;flex-wrap:wrap;gap:.75rem;margin:1rem 0}
.cards div{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.5rem .9rem;min-width:8rem}
.cards b{display:block;font-size:1.4rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line)}
td{min-width:4.5rem}td:first-child,td:nth-child(3){min-width:11rem}th{color:var(--dim);font-weight:600;white-space:nowrap}td.n,th.n{text-align:right}
.days{display:flex;flex-wrap:wrap;gap:2px;min-width:7rem;max-width:20rem}
.days i,.key i{display:inline-block;width:8px;height:14px;border-radius:2px;background:var(--none)}
i.g{background:var(--good)!important}i.k{background:var(--kept)!important}i.s{background:var(--some)!important}
i.m,i.f{background:var(--bad)!important}i.m{opacity:.55}
.key{display:flex;flex-wrap:wrap;gap:.25rem 1rem;margin:.5rem 0}
details{margin:.3rem 0}summary{cursor:pointer}ul{margin:.3rem 0;padding-left:1.2rem}
svg{max-width:100%;height:auto}svg text{fill:var(--dim);font:11px system-ui,sans-serif}
@media print{body{max-width:none;padding:0;font-size:11px}details{break-inside:avoid}tr{break-inside:avoid}
i{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""


def page(report: Report) -> str:
    """Return the page."""
    return "".join(_page(report))


def _page(report: Report) -> Iterator[str]:
    title = f"Backups of {escape(report.cluster)}"
    yield f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    yield '<meta name="viewport" content="width=device-width,initial-scale=1">'
    yield f"<style>{_STYLE}</style></head><body><header><h1>{title}</h1>"
    yield f'<p class="dim">{report.first} to {report.last}, days of UTC. Written {moment(report.generated)} UTC by '
    yield "<code>kubectl azdiskbackup report</code>.</p>"
    yield from (f'<p class="dim">{escape(each)}</p>' for each in report.sources)
    yield "</header><main>"
    yield from _cards(report)
    yield from _coverage(report)
    yield from _totals("By namespace", "Namespace", report.by_namespace)
    yield from _totals("By policy", "Policy", report.by_policy)
    yield from _unprotected(report.volumes)
    yield from _days(report)
    yield from _volumes(report)
    yield from _restores(report.restores)
    yield "</main></body></html>\n"


def _cards(report: Report) -> Iterator[str]:
    protected = sum(each.is_protected for each in report.volumes)
    late = sum(each.is_late for each in report.volumes)
    missed = sum(each.count(DayState.MISSED, DayState.SOME) for each in report.volumes)
    failed = sum(each.count(DayState.FAILED) for each in report.volumes)
    near = sum((each.restore_points or 0) >= report.snapshot_limit * 9 // 10 for each in report.volumes)
    yield '<div class="cards">'
    for number, of, words, is_bad in (
        (protected, f" / {len(report.volumes)}", "volumes protected", protected < len(report.volumes)),
        (late, "", "older than their policy promises", late),
        (missed, "", "days with missing backups", missed),
        (failed, "", "days with failed backups", failed),
        (near, "", f"near the limit of {report.snapshot_limit} snapshots", near),
    ):
        yield f'<div><b class="{"bad" if is_bad else "good"}">{number}{of}</b>{words}</div>'
    yield "</div>"


def _coverage(report: Report) -> Iterator[str]:
    if report.coverage is None:
        return
    yield "<h2>Coverage</h2>"
    if len(report.coverage) > 1:
        yield coverage_chart(report.coverage)
    else:
        yield '<p class="dim">The Prometheus knows of fewer than two days.</p>'


def _totals(title: str, name: str, totals: list[Total]) -> Iterator[str]:
    if not totals:
        return
    yield f"<h2>{title}</h2>"
    heads = (name, "Volumes", "Protected", "Late", "Days missed", "Days failed")
    yield _table_head(heads, first_text=1)
    for each in totals:
        numbers = (each.volumes, each.protected, each.late, each.days_missed, each.days_failed)
        cells = "".join(f'<td class="n">{number}</td>' for number in numbers)
        yield f"<tr><td>{escape(each.name)}</td>{cells}</tr>"
    yield "</table></div>"


def _table_head(titles: Iterable[str], first_text: int = 100) -> str:
    cells = "".join(
        f'<th{"" if number < first_text else " class=n"} scope="col">{escape(title)}</th>'
        for number, title in enumerate(titles)
    )
    # What is wider than the page is reached by the keyboard, too.
    return f'<div class="wide" tabindex="0"><table><tr>{cells}</tr>'


def _unprotected(volumes: list[Volume]) -> Iterator[str]:
    found = [each for each in volumes if not each.is_protected]
    yield f"<h2>Not protected, and why ({len(found)})</h2>"
    if not found:
        yield '<p class="good">Every volume is protected.</p>'
        return
    yield _table_head(("Volume", "Size", "Reason", "What to do"))
    for each in found:
        words = f"{escape(each.explanation)} {escape(each.remediation)}"
        size = escape(each.size)
        reason = f'<td class="bad">{escape(each.reason)}</td>'
        yield f"<tr><td>{escape(each.name)}</td><td>{size}</td>{reason}<td>{words}</td></tr>"
    yield "</table></div>"


def _days(report: Report) -> Iterator[str]:
    yield "<h2>Which volume could not be restored, day by day</h2>"
    yield '<p class="dim">At the end of the day there was no restore point of it.</p>'
    why = {
        (volume.name, day.date): day.why_not
        for volume in report.volumes
        for day in volume.days
        if day.restorable is False
    }
    for each in reversed(report.days):
        unknown = f', <span class="dim">{each.unknown} not known</span>' if each.unknown else ""
        number = len(each.not_restorable)
        bad = f'<span class="{"bad" if number else "good"}">{number} not</span>'
        yield f"<details><summary>{each.date}: {each.restorable} restorable, {bad}{unknown}</summary><ul>"
        for name in each.not_restorable:
            yield f"<li>{escape(name)}: {escape(why[name, each.date])}</li>"
        yield "</ul></details>"


def _volumes(report: Report) -> Iterator[str]:
    yield "<h2>Every volume</h2>"
    yield '<div class="key">'
    for state, letter in _CLASS.items():
        yield f'<span><i class="{letter}"></i> {escape(state.meaning)}</span>'
    yield "</div>"
    heads = ("Volume", "Protected by", "Newest restore point", "Points", "Last restored", "Days, the newest last")
    yield _table_head(heads)
    for each in report.volumes:
        yield f"<tr><td>{escape(each.name)}<br>{_state(each)}</td><td>{_policy(each)}</td><td>{_newest(each)}</td>"
        points = f"{each.restore_points} of {report.snapshot_limit}" if each.restore_points is not None else "-"
        yield f"<td>{points}</td><td>{moment(each.last_restored)}</td>"
        yield f'<td><div class="days" role="img" aria-label="{_told(each)}">'
        yield "".join(map(_square, each.days))
        yield "</div></td></tr>"
    yield "</table></div>"


def _state(volume: Volume) -> str:
    style = "good" if volume.is_protected and not volume.is_late else "bad"
    return f'<span class="{style}">{escape(volume.reason)}</span>'


def _policy(volume: Volume) -> str:
    if volume.policy is None:
        return "-"
    by = f'<br><span class="dim">rule {escape(volume.rule)}</span>' if volume.rule is not None else ""
    return f"{escape(volume.policy)}{by}"


def _newest(volume: Volume) -> str:
    if volume.newest_restore_point is None:
        return "-"
    promise = f" (at most {volume.promised_hours:g} h)" if volume.promised_hours is not None else ""
    style = "bad" if volume.is_late else "dim"
    return (
        f"{moment(volume.newest_restore_point)}<br>"
        f'<span class="{style}">{volume.point_age_hours:g} h old{promise}</span>'
    )


def _told(volume: Volume) -> str:
    good, bad = volume.count(DayState.GOOD, DayState.KEPT), volume.count(DayState.MISSED, DayState.FAILED)
    some = volume.count(DayState.SOME)
    return f"{good} days good, {some} with missing backups, {bad} without a backup"


def _square(day: VolumeDay) -> str:
    if day.backups in (DayState.GOOD, DayState.KEPT, DayState.UNKNOWN):
        return f"<i class={_CLASS[day.backups]}></i>"
    due = f" of {day.due}" if day.due is not None else ""
    failed = f", {day.failed} failed" if day.failed else ""
    return f'<i class={_CLASS[day.backups]} title="{day.date}: {day.good}{due}{failed}"></i>'


def _restores(restores: list[RestoreDone]) -> Iterator[str]:
    yield f"<h2>Restores ({len(restores)})</h2>"
    if not restores:
        yield '<p class="dim">No DiskRestore exists.</p>'
        return
    yield _table_head(("DiskRestore", "Of", "Restore point", "Ended", "Outcome"))
    for each in restores:
        outcome = {True: "succeeded", False: "failed", None: "in progress"}[each.succeeded]
        style = {True: "good", False: "bad", None: "dim"}[each.succeeded]
        yield (
            f"<tr><td>{escape(f'{each.namespace}/{each.name}')}</td><td>{escape(each.disk or '-')}</td>"
            f"<td>{moment(each.restore_point_time)}</td><td>{moment(each.completion_time)}</td>"
            f'<td class="{style}">{outcome}</td></tr>'
        )
    yield "</table></div>"
