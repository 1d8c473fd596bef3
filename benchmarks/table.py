"""The table: what was aimed at, then every number of every case, in Markdown that can be read as it is."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks import targets
from benchmarks.bench import Row
from benchmarks.keep import Done
from benchmarks.subjects import SUBJECTS

LOAD = "load"
_BEGIN, _END = "<!-- what `make bench PUBLISH=1` measured -->\n", "\n<!-- end -->"


def everything(done: Sequence[Done]) -> str:
    """All there is to say."""
    parts = [_grid(("what", "against", "target", "ratio", "verdict"), targets.verdicts(done))]
    parts += [_case(each) for each in done]
    said = {(each.machine, each.commit, each.effort) for each in done}
    for machine, commit, effort in sorted(said):
        parts.append(f"Measured at {commit}, effort {effort:g}, on {machine}.\n")
    return "\n".join(parts)


def publish(text: str, page: Path) -> None:
    """Put the table where a page has a place for it."""
    before, begin, rest = page.read_text().partition(_BEGIN)
    _, end, after = rest.partition(_END)
    page.write_text(f"{before}{begin}\n{text}{end}{after}")


def _case(done: Done) -> str:
    rows = {(row.what, row.subject): row for row in done.rows}
    names = [name for name in (*SUBJECTS, LOAD) if any(subject == name for _, subject in rows)]
    lines = []
    for what in dict.fromkeys(what for what, _ in rows):
        unit = next(row.unit for (kind, _), row in rows.items() if kind == what)
        cells = [_cell(rows.get((what, name))) for name in names]
        lines.append((f"{what}, {unit}" if unit else what, *cells))
    text = f"**{done.case}** ({done.seconds:.0f} s; load average before: {done.load:.1f})\n\n"
    text += _grid((done.case, *names), lines)
    for name, why in done.failed.items():
        text += f"\n{name} could not be measured here: {why.strip().splitlines()[-1][:200]}\n"
    return text


def _cell(row: Row | None) -> str:
    if row is None:
        return ""
    value = row.median
    shown = f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
    return f"{shown} ±{row.spread:.0%}" if len(row.values) > 2 else shown


def _grid(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in (head, *lines)) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |\n"

    ruler = "|" + "|".join("-" * (width + 2) for width in widths) + "|\n"
    return line(head) + ruler + "".join(map(line, lines))
