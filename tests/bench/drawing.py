"""Panels of a dashboard as a picture: one axis each, in its place on the grid."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import dates, pyplot

from generated.dashboard import Panel
from harness.prometheus import Series

mpl.use("agg")

_GRID = 24
# Inches of a row of the grid, and of the whole width.
_ROW, _WIDTH = 0.33, 15.0
_BLUE, _RED, _GREEN, _GREY = "#1f6feb", "#cf222e", "#1a7f37", "#59636e"
_LABELS = re.compile(r"\{\{(\w+)\}\}")
# So many names have room in a legend, of so many letters.
_MANY, _LETTERS = 5, 40
# This part of a panel is for the names of its curves.
_BESIDE = 0.32

# It has no types.
_CLOCK: Any = dates.DateFormatter
_TICKS: Any = dates.AutoDateLocator

Ask = Callable[[Panel, str], Series]
# From when to when, and how far two values are apart.
Span = tuple[datetime, datetime, timedelta]


def draw(rows: Sequence[tuple[str, Sequence[Panel]]], ask: Ask, span: Span, path: Path) -> list[str]:
    """Write the picture; return the titles of panels in which nothing is to be seen."""
    places = list(_places(rows))
    height = max(top + panel.height for panel, _, top in places if isinstance(panel, Panel))
    figure = pyplot.figure(figsize=(_WIDTH, height * _ROW), facecolor="#f6f8fa")
    empty = []
    for panel, left, top in places:
        if isinstance(panel, str):
            figure.text(0.008, 1 - (top + 0.7) / height, panel, fontsize=13, fontweight="bold")
            continue
        told = [(legend, ask(panel, expression)) for legend, expression in panel.queries]
        if not any(series for _, series in told):
            empty.append(panel.title)
        # Room for the title above and the numbers below.
        width = panel.width / _GRID - 0.046
        # And beside curves for their names.
        drawn = width * (1 - _BESIDE) if panel.kind == "timeseries" else width
        box = (left / _GRID + 0.036, 1 - (top + panel.height - 0.9) / height, drawn)
        axis = figure.add_axes((*box, (panel.height - 2.1) / height))
        # The unit beside the title: beside the numbers it stands in the names of the curves to the left.
        unit = f" ({_unit(panel)})" if panel.kind == "timeseries" and _unit(panel) else ""
        axis.set_title(f"{panel.title}{unit}", fontsize=9, loc="left", color=_GREY)
        _KINDS[panel.kind](axis, panel, told, span)
    figure.savefig(path, dpi=90, metadata={"Software": None})
    pyplot.close(figure)
    return empty


def _places(rows: Sequence[tuple[str, Sequence[Panel]]]) -> Any:
    """Yield each title of a row and each panel with its place, as the dashboard lays them out."""
    top = 0
    for title, panels in rows:
        yield title, 0, top
        left, tallest, top = 0, 0, top + 1
        for panel in panels:
            if left + panel.width > _GRID:
                top, left, tallest = top + tallest, 0, 0
            yield panel, left, top
            left, tallest = left + panel.width, max(tallest, panel.height)
        top += tallest


Told = list[tuple[str, Series]]


def _stat(axis: Any, panel: Panel, told: Told, span: Span) -> None:
    axis.set_axis_off()
    values = [float(each["value"][1]) for _, series in told for each in series]
    text = _shown(values[0], panel.unit) if values else "no data"
    bad = panel.wants_none and values and values[0] > 0
    axis.text(0.5, 0.45, text, fontsize=26, ha="center", va="center", color=_RED if bad else _GREEN)


def _with_gaps(values: Sequence[tuple[float, str]], divisor: float, step: timedelta) -> tuple[list[Any], list[float]]:
    """Return times and values, with a gap where nothing was told."""
    times: list[Any] = []
    found: list[float] = []
    for when, value in values:
        time = datetime.fromtimestamp(float(when), UTC)
        if times and time - times[-1] > 1.5 * step:
            times.append(time - step)
            found.append(float("nan"))
        times.append(time)
        found.append(float(value) / divisor)
    return times, found


def _lines(axis: Any, panel: Panel, told: Told, span: Span) -> None:
    begin, end, step = span
    letters = _LETTERS if panel.width >= _GRID / 2 else _LETTERS * 2 // 5
    named = [(_name(legend, each["metric"], letters), each["values"]) for legend, series in told for each in series]
    named.sort(key=lambda each: -max(float(value) for _, value in each[1]))
    divisor = _DIVISORS.get(_unit(panel), 1)
    for name, values in named[:_MANY]:
        axis.plot(*_with_gaps(values, divisor, step), label=name, linewidth=1.2)
    more = f"and {len(named) - _MANY} more" if len(named) > _MANY else None
    axis.set_xlim(begin, end)
    axis.set_ylim(bottom=0)
    axis.xaxis.set_major_locator(_TICKS(maxticks=8 if panel.width >= _GRID / 2 else 4))
    axis.xaxis.set_major_formatter(_CLOCK("%H:%M"))
    axis.tick_params(labelsize=7, colors=_GREY)
    axis.grid(alpha=0.3)
    if named:
        legend = axis.legend(fontsize=6, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, title=more)
        legend.get_title().set_fontsize(6)


def _bars(axis: Any, panel: Panel, told: Told, span: Span) -> None:
    named = sorted(
        (_name(legend, each["metric"]), float(each["value"][1])) for legend, series in told for each in series
    )
    axis.barh(range(len(named)), [value for _, value in named], color=_BLUE, height=0.4)
    for number, (name, value) in enumerate(named):
        axis.text(0, number + 0.26, f" {name}", va="bottom", fontsize=7, color=_GREY)
        axis.text(value, number, f" {value:g}", va="center", fontsize=8)
    axis.tick_params(labelsize=7, colors=_GREY)
    axis.set_yticks([])
    axis.margins(x=0.1, y=0.3)
    axis.set_xlim(0, max([1.0, *(1.1 * value for _, value in named)]))


def _table(axis: Any, panel: Panel, told: Told, span: Span) -> None:
    axis.set_axis_off()
    rows = []
    for _, series in told:
        for each in series:
            metric, value = each["metric"], float(each["value"][1])
            info = "reason" in metric
            says = metric["reason"] if info else f"overdue for {_shown(value, 's')}"
            rows.append([metric.get("namespace", ""), metric.get("name", ""), metric.get("policy", ""), says])
    shown = rows[: max(1, panel.height - 3)]
    if len(rows) > len(shown):
        shown[-1] = ["…", f"{len(rows) - len(shown) + 1} more", "", ""]
    heads = ["namespace", "name", "policy", "says"]
    table = axis.table(shown, colLabels=heads, loc="upper left", cellLoc="left", colLoc="left", edges="B")
    table.auto_set_font_size(False)
    table.set_fontsize(7.5)
    for cell in table.get_celld().values():
        cell.set_edgecolor("#d0d7de")


_KINDS = {"stat": _stat, "timeseries": _lines, "bargauge": _bars, "table": _table}


def _name(legend: str, labels: dict[str, str], letters: int = _LETTERS) -> str:
    found = _LABELS.sub(lambda match: labels.get(match[1], ""), legend) or "all"
    found = found.replace("microsoft.dataprotection/backupvaults/", "…/")
    return found if len(found) <= letters else f"{found[: letters - 1]}…"


_DIVISORS = {"hours": 3600, "GiB": 2**30}


def _unit(panel: Panel) -> str:
    if panel.unit == "s":
        return "hours" if "successful backup" in panel.title else "seconds"
    return {"bytes": "GiB", "reqps": "a second", "ops": "a second"}.get(panel.unit, "")


def _shown(value: float, unit: str) -> str:
    if unit == "bytes":
        return f"{value / 2**40:.2f} TiB" if value >= 2**40 else f"{value / 2**30:.0f} GiB"
    if unit == "s":
        size, name = next(each for each in ((3600, "h"), (60, "min"), (0, "s")) if abs(value) >= each[0])
        return f"{value / (size or 1):.3g} {name}"
    return f"{value:g}"
