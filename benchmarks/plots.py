"""The plots: for each case, a PNG with bars for each number. matplotlib comes with requirements/bench.txt."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.bench import Row
from benchmarks.keep import Done
from benchmarks.subjects import PRODUCT, SUBJECTS

_COLUMNS = 3


def draw(done: Sequence[Done], folder: Path) -> None:
    """Draw every case."""
    for each in done:
        _case(each, folder / f"{each.case}.png")


def _case(done: Done, file: Path) -> None:
    by_what: dict[str, list[Row]] = {}
    for row in done.rows:
        if row.subject in SUBJECTS:
            by_what.setdefault(row.what, []).append(row)
    if not by_what:
        return
    lines = -(-len(by_what) // _COLUMNS)
    figure = Figure(figsize=(5 * _COLUMNS, 2.6 * lines))
    places = figure.subplots(lines, _COLUMNS, squeeze=False)
    for place in places.flat[len(by_what) :]:
        place.set_axis_off()
    for place, (what, rows) in zip(places.flat, by_what.items(), strict=False):
        if len(rows) == 1 and len(rows[0].values) > 2:
            place.plot(range(1, len(rows[0].values) + 1), rows[0].values, marker="o", color="tab:blue")
            place.set_ylim(bottom=0)
        else:
            names = [row.subject for row in rows]
            colours = ["tab:blue" if name == PRODUCT else "silver" for name in names]
            reach = [row.median * row.spread for row in rows]
            place.barh(names, [row.median for row in rows], xerr=reach, color=colours)
            place.invert_yaxis()
        place.set_title(f"{what}, {rows[0].unit}" if rows[0].unit else what, fontsize=9)
        place.tick_params(labelsize=8)
    figure.suptitle(f"{done.case}, at {done.commit}")
    figure.tight_layout()
    figure.savefig(file, dpi=100)
