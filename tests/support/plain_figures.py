"""What a reader of a figure sees, found without the package: which texts overlap, spill or are hard to read."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image


def pixels(path: Path) -> np.ndarray:
    """Of a figure's file, uint8 [rows, columns, channels]."""
    return np.asarray(Image.open(path))


def _luminance(colour) -> float:
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one, other) -> float:
    """Contrast ratio of WCAG 2 between two colours, from 1 to 21; 4.5 is asked of small letters."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def lightness(colour) -> float:
    """CIE L*, 0 for black and 100 for white: what is left of a colour in print without colours."""
    y = _luminance(colour)
    return 116.0 * y ** (1 / 3) - 16.0 if y > (6 / 29) ** 3 else y * (29 / 3) ** 3


def drawn_texts(figure: Figure) -> list[tuple[str, Bbox, float]]:
    """Text, box in pixels, and size in points of everything that is written in the figure."""
    figure.draw_without_rendering()
    hidden: set[int] = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            gone = not axes.get_visible() or not axes.axison
            low, high = sorted(axis.get_view_interval())
            slack = 1e-9 * (high - low)
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if gone or not low - slack <= tick.get_loc() <= high + slack:
                    hidden |= {id(tick.label1), id(tick.label2)}
            if gone:
                hidden |= {id(axis.label), id(axis.offsetText)}
    found = []
    for text in figure.findobj(Text):
        invisible = not text.get_visible() or (text.axes is not None and not text.axes.get_visible())
        if id(text) in hidden or invisible or not text.get_text().strip():
            continue
        # boxes of letters are higher than the letters
        found.append((text.get_text(), Text.get_window_extent(text).padded(-0.015 * figure.dpi), text.get_fontsize()))
    return found


def hard_to_read(figure: Figure, smallest: float = 8.0) -> list[str]:
    """What is wrong with the texts: written over each other, not wholly on the figure, or below `smallest` points."""
    texts = drawn_texts(figure)
    page = figure.bbox
    over = [
        f"{one!r} and {other!r} overlap"
        for (one, box, _), (other, other_box, _) in combinations(texts, 2)
        if box.overlaps(other_box)
    ]
    off = [
        f"{text!r} is cut off"
        for text, box, _ in texts
        if box.x0 < page.x0 or box.y0 < page.y0 or box.x1 > page.x1 or box.y1 > page.y1
    ]
    return over + off + [f"{text!r} has {size} points" for text, _, size in texts if size < smallest]
