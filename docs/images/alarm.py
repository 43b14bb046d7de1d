"""Makes alarm.png, the picture of the README, from the demo's simulated recordings (in a folder where it has run).

PYTHONPATH=workflow/scripts .venv/bin/python docs/images/alarm.py MODEL.onnx RECORDING.wav docs/images/alarm.png
"""

from __future__ import annotations

import io
import sys

from PIL import Image

from asd import Model
from asd.figures.style import LARGE, new_figure
from asd.files.atomic import whole_file
from asd.scoring.drawing import LIGHT, panels, themed

PANELS = ("clip", "difference", "scores")
WIDTHS = (1.0, 1.05, 1.1)
SIZE = (9.4, 2.9)  # inches; in a column of a page, its letters are then as large as the text


def main(model: str, recording: str, picture: str) -> None:
    """Draw the spectrogram of an alarm, what is odd in it, and its score among those of normal clips."""
    explanation = Model.load(model).explain(recording)
    drawn = panels(explanation)
    with themed(LIGHT):
        figure = new_figure(*SIZE)
        for part, name in zip(figure.subfigures(1, len(PANELS), width_ratios=WIDTHS), PANELS, strict=True):
            drawn[name].draw(part.subplots(), LIGHT)
        figure.suptitle(f"{explanation.sentence}. Most unusual: {explanation.verdict.reasons[0]}", fontsize=LARGE)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=132)
    with whole_file(picture) as temporary:
        Image.open(buffer).convert("RGB").save(temporary, format="PNG", optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
