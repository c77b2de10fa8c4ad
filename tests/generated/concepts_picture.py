"""docs/concepts.svg: what there is in Kubernetes, what it is in Azure, and how they hang together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 1080, 500
STYLE = """
  text { font: 14px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 } .small { font-size: 12px; fill: #59636e } .page { fill: #ffffff }
  .region { fill: #f6f8fa; stroke: #d1d9e0 } .group { fill: none; stroke: #afb8c1; stroke-dasharray: 5 4 }
  .ours { fill: #ddf4ff; stroke: #0969da } .theirs { fill: #ffffff; stroke: #8c959f }
  .arrow { stroke: #59636e; fill: none; stroke-width: 1.4; marker-end: url(#head) } #head path { fill: #59636e }
  .same { stroke: #0969da; fill: none; stroke-width: 1.4; stroke-dasharray: 2 4 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } text { fill: #e6edf3 } .small { fill: #9198a1 }
    .region { fill: #151b23; stroke: #3d444d }
    .group { stroke: #656c76 } .ours { fill: #0d2d54; stroke: #4493f8 } .theirs { fill: #212830; stroke: #656c76 }
    .arrow { stroke: #9198a1 } #head path { fill: #9198a1 } .same { stroke: #4493f8 }
  }"""


@dataclass(frozen=True)
class Box:
    """Something that there is, with a line that says what it is for."""

    x: int
    y: int
    title: str
    line: str
    style: str
    width: int = 200
    height: int = 56

    @property
    def left(self) -> tuple[int, int]:
        return self.x, self.y + self.height // 2

    @property
    def right(self) -> tuple[int, int]:
        return self.x + self.width, self.y + self.height // 2

    @property
    def top(self) -> tuple[int, int]:
        return self.x + self.width // 2, self.y

    @property
    def bottom(self) -> tuple[int, int]:
        return self.x + self.width // 2, self.y + self.height


_VAULT = Box(60, 84, "BackupVault", "where, and who may use it", "ours")
_POLICY = Box(60, 184, "DiskBackupPolicy", "when, and how long", "ours")
_RULE = Box(284, 184, "DiskProtectionRule", "makes ProtectedDisks", "ours", width=160)
_DISK = Box(60, 316, "ProtectedDisk", "this PVC, by that policy", "ours")
_CLAIM = Box(60, 412, "PVC, its volume", "what pods mount", "theirs")
_ONCE = Box(284, 316, "OnDemandBackup", "one backup, now", "ours", width=160)
_RESTORE = Box(284, 412, "DiskRestore", "a new disk, a new PVC", "ours", width=160)
_AZURE_VAULT = Box(620, 84, "backup vault", "acts by its identity", "theirs", width=210)
_AZURE_POLICY = Box(620, 184, "backup policy", "cannot be edited", "theirs", width=210)
_INSTANCE = Box(620, 316, "backup instance", "tags: cluster, namespace, name", "theirs", width=210)
_AZURE_DISK = Box(620, 412, "managed disk", "in the node resource group", "theirs", width=210)
_POINTS = Box(860, 364, "restore points", "snapshots, in your group", "theirs", width=180)
_BOXES = (
    *(_VAULT, _POLICY, _RULE, _DISK, _CLAIM, _ONCE, _RESTORE),
    *(_AZURE_VAULT, _AZURE_POLICY, _INSTANCE, _AZURE_DISK, _POINTS),
)


def picture() -> str:
    """Return the picture."""
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        "<title>What there is in Kubernetes, and what it is in Azure</title>",
        f"<style>{STYLE}\n</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z"/></marker></defs>',
        page(_WIDTH, _HEIGHT),
        _area(10, 10, 456, 480, "region", "Kubernetes"),
        _area(590, 10, 480, 480, "region", "Azure"),
        _area(40, 56, 410, 204, "group", "the platform team: cluster-scoped"),
        _area(40, 288, 410, 196, "group", "an app team: its namespace"),
        *_pairs(),
        *(_box(each) for each in _BOXES),
        *_arrows(),
        "</svg>",
        "",
    ])  # fmt: skip


def _arrows() -> Iterator[str]:
    yield _arrow(_POLICY.top, _VAULT.bottom, "vaultRef")
    yield _arrow(_DISK.top, _POLICY.bottom, "policyRef")
    yield _arrow(_DISK.bottom, _CLAIM.top, "source")
    yield _arrow(_ONCE.left, _DISK.right, "")
    yield '<path class="arrow" d="M284 426 H272 V358 H260"/>'
    yield _arrow(_RULE.left, _POLICY.right, "")
    yield f'<path class="arrow" d="M{_RULE.bottom[0]} {_RULE.bottom[1]} V272 H244 V316"/>'
    yield _arrow(_AZURE_POLICY.top, _AZURE_VAULT.bottom, "in")
    yield _arrow(_INSTANCE.top, _AZURE_POLICY.bottom, "by")
    yield _arrow(_INSTANCE.bottom, _AZURE_DISK.top, "of")
    yield _arrow(_INSTANCE.right, _POINTS.top, "has")
    yield _arrow(_POINTS.bottom, _AZURE_DISK.right, "of")
    for number, words in enumerate(("created, watched,", "corrected by", "azdiskbackup")):
        yield f'<text x="528" y="{152 + 16 * number}" class="small" text-anchor="middle">{words}</text>'


def _pairs() -> Iterator[str]:
    (x1, y1), (x2, y2) = _VAULT.right, _AZURE_VAULT.left
    yield _same(f"M{x1} {y1} L{x2} {y2}")
    # Below the boxes beside them, which are something else.
    for ours, azures, y in ((_POLICY, _AZURE_POLICY, 250), (_DISK, _INSTANCE, 392), (_CLAIM, _AZURE_DISK, 477)):
        x, bottom = ours.bottom
        end, middle = azures.left
        yield _same(f"M{x + 70} {bottom} V{y} H{end - 15} V{middle} H{end}")


def page(width: int, height: int) -> str:
    """Return what a picture is drawn on: it has its own light and dark, whatever the page around it has."""
    return f'<rect class="page" width="{width}" height="{height}" rx="8"/>'


def _area(x: int, y: int, width: int, height: int, style: str, title: str) -> str:
    words, place, anchor = (
        ("title", (x + 14, y + 24), "start") if style == "region" else ("small", (x + width - 12, y + 18), "end")
    )
    return (
        f'<rect class="{style}" x="{x}" y="{y}" width="{width}" height="{height}" rx="8"/>'
        f'<text class="{words}" x="{place[0]}" y="{place[1]}" text-anchor="{anchor}">{escape(title)}</text>'
    )


def _box(box: Box) -> str:
    middle = box.x + box.width // 2
    return (
        f'<rect class="{box.style}" x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="6"/>'
        f'<text class="title" x="{middle}" y="{box.y + 24}" text-anchor="middle">{escape(box.title)}</text>'
        f'<text class="small" x="{middle}" y="{box.y + 43}" text-anchor="middle">{escape(box.line)}</text>'
    )


def _arrow(begin: tuple[int, int], end: tuple[int, int], word: str) -> str:
    (x1, y1), (x2, y2) = begin, end
    # Around a corner where they are not in line: what comes from above goes down first.
    way = f"M{x1} {y1} V{y2} H{x2}" if x1 > x2 else f"M{x1} {y1} H{x2} V{y2}"
    label = f'<text class="small" x="{max(x1, x2) + 8}" y="{(y1 + y2) // 2 + 4}">{word}</text>' if word else ""
    return f'<path class="arrow" d="{way}"/>{label}'


def _same(path: str) -> str:
    return f'<path class="same" d="{path}"/>'
