"""The picture of a report: how many PVCs were covered, over the days, as SVG."""

from __future__ import annotations

from azdiskbackup.plugin.report.shapes import CoverageAt

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 720, 180, 44, 24
# From the bottom to the top; colours are those of the page.
_STATES = (
    ("protected", "--good", "protected"),
    ("kept", "--kept", "kept"),
    ("pending", "--some", "about to be protected"),
    ("skipped", "--bad", "skipped"),
    ("unselected", "--none", "not selected"),
)


def coverage_chart(found: list[CoverageAt]) -> str:
    """Return stacked areas, with an axis and a legend beside them; there are at least two moments."""
    most = max(1, max(sum(each.states.get(state, 0) for state, _, _ in _STATES) for each in found))
    step = (_WIDTH - _LEFT) / (len(found) - 1)
    floor = _HEIGHT - _BOTTOM

    def point(number: int, value: float) -> str:
        return f"{_LEFT + number * step:.1f},{floor - value / most * (floor - 10):.1f}"

    below, areas, legend = [0] * len(found), [], []
    for state, colour, words in _STATES:
        values = [each.states.get(state, 0) for each in found]
        if not any(values):
            continue
        above = [low + value for low, value in zip(below, values, strict=True)]
        line = [point(number, value) for number, value in enumerate(above)]
        back = [point(number, value) for number, value in reversed(list(enumerate(below)))]
        areas.append(f'<polygon points="{" ".join(line + back)}" fill="var({colour})"/>')
        legend.append(f'<span><i style="background:var({colour})"></i> {values[-1]} {words}</span>')
        below = above
    told = ", ".join(f"{found[-1].states.get(state, 0)} {words}" for state, _, words in _STATES)
    axis = (
        f'<text x="{_LEFT - 6}" y="14" text-anchor="end">{most}</text>'
        f'<text x="{_LEFT - 6}" y="{floor}" text-anchor="end">0</text>'
        f'<text x="{_LEFT}" y="{_HEIGHT - 6}">{found[0].time:%Y-%m-%d}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT - 6}" text-anchor="end">{found[-1].time:%Y-%m-%d}</text>'
    )
    picture = (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="PVCs at the end of each day; last: {told}">'
    )
    return f'{picture}{"".join(areas)}{axis}</svg><div class="key">{"".join(legend)}</div>'
