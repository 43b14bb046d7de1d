"""Style of all figures, and writing them.

Figures are drawn at the size at which they are printed: one column (3.5 in) or a page (7.2 in) wide, letters of 8 to
10 pt.  Nothing is told by colour alone: each colour goes with a mark, a line style, a hatching or a place, and the
colours keep apart for colour-blind readers.

Plain matplotlib, without pyplot: there are many figures in many jobs, and seaborn would take each of them a second
to import.  A figure belongs to nobody but its caller and need not be closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Text
from numpy.typing import NDArray

from ..files import StrPath
from ..files.atomic import whole_file
from .png import write_png

DPI = 200
PAGE_WIDTH = 7.2  # inches
COLUMN_WIDTH = 3.5
SMALL = 8.0  # points; nothing is smaller
MEDIUM = 9.0
LARGE = 10.0

NORMAL = "#4A9FD8"
ABNORMAL = "#A33000"
NEUTRAL = "#666666"
HATCH = "////"
FAINT = "0.88"

END_WIDTH = 1.7  # inches; longer names at the ends of lines are broken

_FONTS = ("DejaVu Sans", "Noto Sans CJK KR", "Noto Sans KR", "NanumGothic", "Malgun Gothic", "Apple SD Gothic Neo")
# the first three differ most in lightness, for most runs have three detectors; all pairs stay apart for colour-blind
# readers
_COLOURS = (
    *("#004488", "#CC9922", "#BB5566", "#000000", "#56B4E9"),
    *("#8C510A", "#CC79A7", "#882255", "#0077BB", "#D6604D"),
)
_MARKERS = "osD^vPX*<>"
_LINES: tuple[Any, ...] = (
    *("-", "--", "-.", (0, (1, 1.2)), (0, (6, 1.5))),
    *((0, (3, 1, 1, 1)), (0, (8, 2, 2, 2)), (0, (4, 4)), (0, (1, 3)), (0, (3, 1, 1, 1, 1, 1))),
)

# matplotlib warns about each family it can't find, so name only those that are there; the later ones are for
# machines and IDs with names in other scripts
_INSTALLED = {font.name for font in font_manager.fontManager.ttflist}
STYLE: dict[str, Any] = {
    "font.family": [name for name in _FONTS if name in _INSTALLED] or ["sans-serif"],
    "font.size": MEDIUM,
    "axes.titlesize": MEDIUM,
    "axes.labelsize": MEDIUM,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.title_fontsize": SMALL,
    "figure.titlesize": LARGE,
    "axes.axisbelow": True,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.pad": 2.5,
    "ytick.major.pad": 2.5,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.0,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "legend.columnspacing": 1.4,
    "pdf.fonttype": 42,  # letters stay letters
    "text.parse_math": False,  # a name may have dollar signs
}
matplotlib.rcParams.update(cast(Any, STYLE))


# --- parts that all figures share ---


def new_figure(width: float, height: float, *, of_series: bool = False) -> Figure:
    """An empty figure of so many inches whose parts make room for each other.

    Letters are a little wider or narrower at another resolution.  One `of_series` has that of the file from the start,
    since the texts of all are to be broken into the same lines.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    if of_series:
        figure.set_dpi(DPI)
    return figure


def save(figure: Figure, path: StrPath) -> None:
    """Write `figure` in the format of the suffix of `path`, whole or not at all.

    A PNG is drawn once; `Figure.savefig` goes through all of it a first time without drawing.
    """
    with whole_file(path) as temporary:
        if temporary.suffix == ".png":
            figure.set_dpi(DPI)
            figure.canvas.draw()
            save_canvas(figure, temporary)
        else:
            figure.savefig(temporary, dpi=DPI)


def save_canvas(figure: Figure, path: StrPath) -> None:
    """Write what has been drawn of a figure as a PNG."""
    write_png(path, np.asarray(cast(Any, figure.canvas).buffer_rgba()), float(figure.dpi))


class Base:
    """What some figures have in common, drawn once; what differs is drawn over it."""

    def __init__(self, figure: Figure, varying: Sequence[Artist]) -> None:
        """Draw the figure without what varies."""
        figure.set_dpi(DPI)
        shown = [artist for artist in varying if artist.get_visible()]
        for artist in shown:
            artist.set_visible(False)
        figure.canvas.draw()
        for artist in shown:
            artist.set_visible(True)
        self._canvas = cast(Any, figure.canvas)
        self._picture = self._canvas.copy_from_bbox(figure.bbox)
        self._figure = figure

    def save_with(self, varying: Sequence[Artist], path: StrPath) -> None:
        """Write it with what varies, as it is now, in front of it, as a PNG."""
        self._canvas.restore_region(self._picture)
        renderer = self._canvas.get_renderer()
        for artist in varying:
            artist.draw(renderer)
        with whole_file(path) as temporary:
            save_canvas(self._figure, temporary)


class Series:
    """Figures that differ in data and in some texts, laid out and drawn once as far as they are alike.

    One that needs more room than all before it, for longer numbers at an axis or a title of more lines, is laid out
    again.
    """

    def __init__(self, figure: Figure, varying: Sequence[Artist], numbered: Mapping[Axes, str] | None = None) -> None:
        """Of figures with these artists that vary, from the back to the front.

        Parameters
        ----------
        numbered
            Axes whose y axis has other numbers in each figure, and as long a number as is to have room anyway.
        """
        self._figure, self._varying = figure, varying
        self._numbers = {axes: text_width(figure, number, SMALL) for axes, number in (numbered or {}).items()}
        self._lines: tuple[int, ...] = ()
        self._base: Base | None = None

    def save(self, path: StrPath, *texts: Text) -> None:
        """Write the figure as it is now, as a PNG; its height is shared with as many lines as `texts` have."""
        lines = tuple(text.get_text().count("\n") for text in texts)
        numbers = {axes: _widest_number(axes) for axes in self._numbers}
        fits = all(wanted <= there for wanted, there in zip(lines, self._lines, strict=False))
        fits = fits and all(wanted <= self._numbers[axes] for axes, wanted in numbers.items())
        if self._base is None or not fits:
            self._lines = tuple(map(max, lines, self._lines or lines))
            self._numbers = {axes: max(wanted, self._numbers[axes]) for axes, wanted in numbers.items()}
            self._lay_out(numbers)
            self._base = Base(self._figure, self._varying)
        self._base.save_with(self._varying, path)

    def _lay_out(self, numbers: Mapping[Axes, float]) -> None:
        pad = float(cast(Any, STYLE["ytick.major.pad"]))
        for axes, wanted in numbers.items():
            axes.tick_params(axis="y", pad=pad + 72.0 * (self._numbers[axes] - wanted))
        self._figure.set_layout_engine("constrained")
        _lay_out(self._figure)
        for axes in numbers:
            axes.tick_params(axis="y", pad=pad)


def _lay_out(figure: Figure) -> None:
    """Settle where everything stands, once and for all."""
    figure.set_dpi(DPI)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine("none")


def _widest_number(axes: Axes) -> float:
    """Inches of the longest number at a y axis."""
    axis, figure = axes.yaxis, cast(Figure, axes.get_figure(root=True))
    numbers = axis.get_major_formatter().format_ticks(list(axis.get_major_locator()()))
    return max((text_width(figure, number, SMALL) for number in numbers), default=0.0)


def show_range(axes: Axes, values: Iterable[NDArray[np.floating]]) -> None:
    """Have the y axis show all finite ones of some values; it is for `Axes.autoscale_view` to say how."""
    every = np.concatenate([np.ravel(one) for one in values])
    every = every[np.isfinite(every)]
    axes.dataLim.intervaly = (every.min(), every.max()) if len(every) else (np.inf, -np.inf)
    axes.set_autoscaley_on(True)


def detector_styles(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Name -> colour, marker and line style, by its place in `names`; the first ten differ in each of the three."""
    return {
        name: {
            "color": _COLOURS[number % len(_COLOURS)],
            # the eleventh has the first one's colour and line, but another marker
            "marker": _MARKERS[(number + 3 * (number // len(_COLOURS))) % len(_MARKERS)],
            "linestyle": _LINES[number % len(_LINES)],
        }
        for number, name in enumerate(names)
    }


def readable_on(colour: Any) -> str:
    """Black or white, whichever has the greater contrast (WCAG 2) to a background of `colour`."""
    parts = np.array(to_rgb(colour))
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ (0.2126, 0.7152, 0.0722))
    return "white" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "black"


def text_width(figure: Figure, text: str, size: float, *, weight: str = "normal") -> float:
    """Width in inches of the longest line of `text` in letters of `size` points."""
    key = (text, size, weight, float(figure.dpi))
    if key not in _WIDTHS:
        renderer = cast(Any, figure.canvas).get_renderer()  # of Agg, which measures text
        font = font_manager.FontProperties(size=size, weight=weight)
        widths = (renderer.get_text_width_height_descent(line, font, ismath=False)[0] for line in text.split("\n"))
        _WIDTHS[key] = max(widths, default=0.0) / float(figure.dpi)
    return _WIDTHS[key]


_WIDTHS: dict[tuple[str, float, str, float], float] = {}
"""Text, size, weight and dots per inch -> width: the same names are measured for each figure of a job."""


def fitted(figure: Figure, text: str, size: float, width: float) -> str:
    """`text` broken into lines of at most `width` inches, at spaces, or inside a word that is longer than a line.

    Inside a word it is broken behind a hyphen or the like, if there is one.
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        if text_width(figure, paragraph, size) <= width:
            lines.append(paragraph)
            continue
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if text_width(figure, longer, size) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            line = word
            while len(line) > 1 and text_width(figure, line, size) > width:
                count = len(line) - 1
                while count > 1 and text_width(figure, line[:count], size) > width:
                    count -= 1
                count = max((line.rfind(mark, 0, count) + 1 for mark in "-_+:./"), default=0) or count
                lines.append(line[:count])
                line = line[count:]
        lines.append(line)
    return "\n".join(lines)


def title_above(figure: Figure, title: str) -> None:
    """Write the title of the whole figure, in as many lines as it needs."""
    figure.suptitle(fitted(figure, title, LARGE, 0.96 * figure.get_figwidth()))


def legend_below(figure: Figure, handles: Sequence[Artist], title: str | None = None) -> Legend:
    """A legend below all panels, in as few rows as the width of the figure allows."""
    em = SMALL / 72.0
    around = em * (2.4 + 0.8)  # of the mark before each text
    room = figure.get_figwidth() - 0.1
    labels = [fitted(figure, str(handle.get_label()), SMALL, room - around) for handle in handles]
    widths = [text_width(figure, label, SMALL) + around for label in labels]
    rows = 1
    while rows < len(labels):
        columns = [max(part) for part in np.array_split(widths, -(-len(labels) // rows))]
        if sum(columns) + em * 1.4 * (len(columns) - 1) <= room:
            break
        rows += 1
    return figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=-(-len(labels) // rows),
        title=fitted(figure, title, SMALL, room) if title else None,
    )


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places moved as little as needed to be at least `gap` apart, in the same order, between `low` and `high`.

    If there is not enough room for all, they stand as far apart as there is.
    """
    count = len(places)
    if count == 0:
        return []
    gap = min(gap, (high - low) / max(count - 1, 1))
    order = np.argsort(np.asarray(places, float), kind="stable")
    # places less the gaps before them must rise: the least-squares answer pools neighbours that do not
    wanted = np.asarray(places, float)[order] - gap * np.arange(count)
    pools: list[tuple[float, int]] = []
    for value in wanted:
        mean, size = float(value), 1
        while pools and pools[-1][0] > mean:
            other, others = pools.pop()
            mean, size = (mean * size + other * others) / (size + others), size + others
        pools.append((mean, size))
    moved = np.concatenate([np.full(size, mean) for mean, size in pools])
    moved = np.clip(moved, low, high - gap * (count - 1)) + gap * np.arange(count)
    result = np.empty(count)
    result[order] = moved
    return [float(value) for value in result]


def label_ends(figure: Figure, ends: Mapping[Axes, Sequence[tuple[float, float, str, Mapping[str, Any]]]]) -> None:
    """Name lines at the right of their panels, each name with its mark and a thin line to where its line ends.

    Call it last: it needs the final limits of the axes.

    Parameters
    ----------
    ends
        Panel -> (x, y) in data, name, and style (``color``, perhaps ``marker``) of each line.
    """
    inch = 1.0 / 72.0
    texts = {
        axes: [
            axes.annotate(
                fitted(figure, name, SMALL, END_WIDTH),
                (1.0, 0.5),
                xytext=(22.0 if "marker" in style else 15.0, 0.0),
                xycoords="axes fraction",
                textcoords="offset points",
                va="center",
                fontsize=SMALL,
                annotation_clip=False,
            )
            for _, _, name, style in lines
        ]
        for axes, lines in ends.items()
    }
    _lay_out(figure)
    for axes, lines in ends.items():
        if not lines:
            continue
        box = axes.get_window_extent()
        width, height = box.width / figure.dpi, box.height / figure.dpi
        points = axes.transAxes.inverted().transform(axes.transData.transform([(x, y) for x, y, _, _ in lines]))
        lines_of = max(text.get_text().count("\n") + 1 for text in texts[axes])
        gap = 1.22 * SMALL * inch * lines_of / height
        places = spread([float(y) for _, y in points], gap, 0.02, 0.98)
        for (x, y), place, text, (_, _, _, style) in zip(points, places, texts[axes], lines, strict=True):
            start = max(float(x), 1.0)
            text.xy = (1.0, place)
            path_x = [float(x), start, 1.0 + 11.0 * inch / width]
            if start - x > 1e-9:
                axes.plot(
                    *([float(x), start], [y, y]),
                    **{"color": style["color"], "linewidth": 0.5, "linestyle": ":", "transform": axes.transAxes},
                )
            axes.plot(
                *(path_x[1:], [y, place]),
                **{"color": style["color"], "linewidth": 0.6, "transform": axes.transAxes, "clip_on": False},
            )
            if "marker" in style:
                axes.plot(
                    *([1.0 + 16.0 * inch / width], [place]),
                    linestyle="",
                    **{"color": style["color"], "marker": style["marker"], "transform": axes.transAxes},
                    clip_on=False,
                )


def hide_unused(grid: NDArray[Any], used: int) -> None:
    """Take the axes of a grid from the `used`-th on out of the figure."""
    for axes in grid.flat[used:]:
        axes.set_visible(False)
        axes.set_in_layout(False)


def clip_grid(
    keys: Iterable[tuple[str, str]], *, above: float, below: float
) -> tuple[Figure, dict[tuple[str, str], Axes]]:
    """A figure with a panel for each SNR and ID; combinations that are missing stay empty.

    SNRs are rows and IDs columns; with a single ID, or with more than four and fewer SNRs, it is the other way round.

    Parameters
    ----------
    keys
        (SNR's label, ID) of the panels, in their order.
    above, below
        Inches of height for what the caller writes above and below each panel.

    Returns
    -------
    tuple
        The figure, and (SNR's label, ID) -> panel.
    """
    wanted = list(keys)
    snrs = list(dict.fromkeys(snr for snr, _ in wanted))
    ids = list(dict.fromkeys(name for _, name in wanted))
    turned = len(ids) == 1 or (len(ids) > 4 and len(ids) > len(snrs))
    down, across = (ids, snrs) if turned else (snrs, ids)
    rows, columns = max(len(down), 1), max(len(across), 1)
    width = COLUMN_WIDTH if columns == 1 else PAGE_WIDTH
    each = (width - 0.4) / columns
    figure = new_figure(width, 0.9 + rows * (min(0.75 * each, 1.6) + above + below), of_series=True)
    grid = figure.subplots(rows, columns, squeeze=False)
    places = {}
    for (row, column), axes in np.ndenumerate(grid):
        names = (down[row] if down else "", across[column] if across else "")
        key = (names[1], names[0]) if turned else (names[0], names[1])
        if column == 0:
            axes.set_ylabel(fitted(figure, names[0], MEDIUM, 1.2))
        if row == 0:
            axes.annotate(
                fitted(figure, names[1], MEDIUM, 0.95 * each),
                (0.5, 1.0),
                xytext=(0.0, 72.0 * above + 2.0),
                xycoords="axes fraction",
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=MEDIUM,
                annotation_clip=False,
            )
        if key in wanted:
            places[key] = axes
        else:
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
            axes.text(0.5, 0.5, "no data", ha="center", va="center", fontsize=SMALL, transform=axes.transAxes)
    return figure, places


def settle_auc_axis(axes: Axes, *, horizontal: bool = False) -> None:
    """End the axis of AUC just above 1, and draw a dotted line at chance, 0.5, if that is within its limits."""
    low, high = axes.get_xlim() if horizontal else axes.get_ylim()
    high = min(high, 1.0 + 0.03 * (1.0 - min(low, 0.9)))
    if horizontal:
        axes.set_xlim(low, high)
    else:
        axes.set_ylim(low, high)
    if low < 0.5 < high:
        draw = axes.axvline if horizontal else axes.axhline
        draw(0.5, color=NEUTRAL, linestyle=":", linewidth=0.8, zorder=0.5)


def line_key(label: str, **style: Any) -> Line2D:
    """An entry of a legend that stands for lines or marks of this style."""
    return Line2D([], [], label=label, **style)
