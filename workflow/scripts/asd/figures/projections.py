"""Figures of clips in a plane: how a detector sees them lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..detection.networks import TrainedNetworks
from ..detection.representations import Represented
from ..detection.seen import as_seen
from ..detection.units import UnitClips
from ..detection.views import ID_EMBEDDING, WITHOUT_DDAE, ProjectionName, Representation
from ..files import StrPath
from .style import (
    ABNORMAL,
    LARGE,
    NORMAL,
    SMALL,
    Series,
    clip_grid,
    fitted,
    legend_below,
    line_key,
)


def project_2d(
    train: NDArray[np.floating], *others: NDArray[np.floating]
) -> tuple[tuple[NDArray[np.float64], ...], tuple[float, float]]:
    """The two directions in which clips lie apart from the typical training clip, and all clips in their plane.

    They are the first two principal components of all rows' directions, seen from the median training row (spherical
    principal components): each clip counts once, however far out it is, and whether it is normal does not count.
    Components of the training rows alone would show nothing of what whitening sees: these vary alike in all directions.

    Parameters
    ----------
    train
        float [clips, columns], at least one clip.
    others
        float [clips, columns] each.

    Returns
    -------
    tuple
        The projections float64 [clips, 2] of `train` and of each of `others`, and for the two components the share of
        the squared distance to the median training row that is along them, mean over the clips.  The largest loading
        of a component is positive.  A component that there are too few clips for is zero.

    References
    ----------
    Locantore, N. et al. (1999). Robust principal component analysis for functional data. *Test* 8, 1-73.
    """
    blocks = [np.asarray(block, np.float64) for block in (train, *others)]
    middle = np.median(blocks[0], axis=0)
    rows = np.concatenate(blocks) - middle
    # what rounding leaves of a distance that is not there
    tiny = np.finfo(np.float64).eps * max(rows.shape) * (float(np.abs(blocks[0]).max()) + 1e-300)
    lengths = np.linalg.norm(rows, axis=1)
    directions = rows[lengths > tiny] / lengths[lengths > tiny, None]
    axes = np.zeros((2, rows.shape[1]))
    shares = np.zeros(2)
    if len(directions):
        values, vectors = np.linalg.eigh(directions.T @ directions)
        for number, place in enumerate(range(len(values) - 1, max(len(values) - 3, -1), -1)):
            if values[place] > 1e-9 * len(directions):
                vector = vectors[:, place]
                axes[number] = vector * np.sign(vector[np.argmax(np.abs(vector))])
                shares[number] = values[place] / len(directions)
    return tuple((block - middle) @ axes.T for block in blocks), (float(shares[0]), float(shares[1]))


@dataclass(frozen=True)
class ProjectionPanel:
    """Two components of the clips of one ID at one SNR.

    Attributes
    ----------
    train, normal, abnormal
        float64 [clips, 2]: the training clips, and the test clips of either class.
    explained
        The components' shares of the squared distance to the typical training clip (see `project_2d`).
    auc
        Of the detector whose view this is; NaN where it is not known.
    """

    train: NDArray[np.float64]
    normal: NDArray[np.float64]
    abnormal: NDArray[np.float64]
    explained: tuple[float, float]
    auc: float = float("nan")

    @classmethod
    def of(
        cls,
        clips: UnitClips,
        networks: TrainedNetworks,
        representation: Representation,
        projection: ProjectionName,
        auc: float,
    ) -> ProjectionPanel:
        """Of the clips of an ID, as a detector of that representation and projection sees them."""
        train = clips.train_without_ddae() if representation in WITHOUT_DDAE else clips.train()
        classifier = networks.of_snr.get(clips.snr, ())[:1] if representation == ID_EMBEDDING else ()
        blocks = (Represented.of(part, networks.denoiser, classifier) for part in (train, *clips.test()))
        rows = as_seen(representation, projection, *(one.get(representation) for one in blocks))
        (trained, normal, abnormal), explained = project_2d(*rows)
        return cls(trained, normal, abnormal, explained, auc)


def projection_limits(panel: ProjectionPanel) -> NDArray[np.float64]:
    """Lower and upper limit of both axes, float64 [2 limits, 2 axes].

    They hold 98 % of each class along each axis, but reach no further from the normal clips than three times the
    range of those.
    """
    normal = np.concatenate([panel.train, panel.normal])
    normal = normal[np.isfinite(normal).all(axis=1)]
    abnormal = panel.abnormal[np.isfinite(panel.abnormal).all(axis=1)]
    if not len(normal):
        normal = abnormal if len(abnormal) else np.array([[0.0, 0.0], [1.0, 1.0]])
    low, high = np.quantile(normal, (0.01, 0.99), axis=0)
    span = np.maximum(high - low, 1e-9)
    if len(abnormal):
        low_too, high_too = np.quantile(abnormal, (0.01, 0.99), axis=0)
        low, high = (
            np.minimum(low, np.maximum(low_too, low - 3.0 * span)),
            np.maximum(high, np.minimum(high_too, high + 3.0 * span)),
        )
    margin = 0.06 * (high - low) + 1e-9
    return np.asarray([low - margin, high + margin], np.float64)


def projection(panels: Mapping[tuple[str, str], ProjectionPanel], title: str) -> Figure:
    """Clips in the plane of two components, a panel for each SNR and ID.

    Clips outside of the axes stand at their edge, as marks of half the size, and are counted above the panel.

    Parameters
    ----------
    panels
        (SNR's label, ID) -> clips.  SNRs go down and IDs across, or the other way round for one ID or more than four.
    title
        Above all panels.
    """
    planes = _Planes(list(panels), _has_abnormal_clips(panels))
    planes.show(panels, title)
    return planes.figure


def _has_abnormal_clips(panels: Mapping[tuple[str, str], ProjectionPanel]) -> bool:
    return any(len(panel.abnormal) for panel in panels.values())


class ProjectionFigures:
    """Figures like those of `projection`, each of which costs a fifth of the first."""

    def __init__(self) -> None:
        self._pages: dict[tuple[tuple[tuple[str, str], ...], bool], tuple[_Planes, Series]] = {}

    def save(self, panels: Mapping[tuple[str, str], ProjectionPanel], title: str, path: StrPath) -> None:
        """Write one as a PNG; clips and title as `projection` takes them."""
        shape = tuple(panels), _has_abnormal_clips(panels)
        if shape not in self._pages:
            planes = _Planes(*shape)
            self._pages[shape] = planes, Series(planes.figure, planes.varying)
        planes, series = self._pages[shape]
        planes.show(panels, title)
        series.save(path, planes.title)


_CLOUDS: dict[str, dict[str, Any]] = {
    "train": {"marker": ".", "color": "0.5", "linewidths": 0},
    "abnormal": {"marker": "x", "color": ABNORMAL, "linewidths": 0.8},
    "normal": {"marker": "o", "facecolors": "none", "edgecolors": NORMAL, "linewidths": 0.8},
}
_LETTERS = {"train": "T", "normal": "N", "abnormal": "A"}


class _Planes:
    """A figure of projections whose clips and title can be replaced.

    Attributes
    ----------
    varying
        What differs from one figure to the next, from the back to the front.
    """

    def __init__(self, keys: Sequence[tuple[str, str]], abnormal: bool) -> None:
        self.figure, self.grid = clip_grid(keys, above=0.3, below=0.2)
        self.clouds: dict[tuple[str, str], dict[str, tuple[PathCollection, PathCollection]]] = {}
        self.title = self.figure.suptitle(" ")
        self.varying: list[Artist] = [self.title]
        for key, axes in self.grid.items():
            of = self.clouds[key] = {
                name: (
                    axes.scatter([], [], label=name, **style),
                    axes.scatter([], [], clip_on=False, zorder=3, **style),
                )
                for name, style in _CLOUDS.items()
            }
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(True)
            axes.spines[:].set_color("0.6")
            axes.set_title(" \n ", fontsize=SMALL, loc="left", pad=3.0, linespacing=1.1, y=1.0)
            axes.set_xlabel(" ", fontsize=SMALL, labelpad=2.0)
            inside, outside = zip(*of.values(), strict=True)
            self.varying += [*inside, *axes.spines.values(), *outside, axes._left_title, axes.xaxis]  # type: ignore[attr-defined]
        marks = {
            "train": {"marker": ".", "color": "0.5"},
            "normal": {"marker": "o", "markerfacecolor": "none", "color": NORMAL},
            "abnormal": {"marker": "x", "color": ABNORMAL},
        }
        names = {"train": "normal, training (T)", "normal": "normal, test (N)"}
        names |= {"abnormal": "abnormal, test (A)"} if abnormal else {}
        handles: list[Artist] = [line_key(text, linestyle="", **marks[name]) for name, text in names.items()]
        note = "first component across, second upwards, no unit; below: their shares of squared distances"
        legend_below(self.figure, handles, note)

    def show(self, panels: Mapping[tuple[str, str], ProjectionPanel], title: str) -> None:
        """Replace what the figure shows."""
        self.title.set_text(fitted(self.figure, title, LARGE, 0.96 * self.figure.get_figwidth()))
        for key, axes in self.grid.items():
            panel = panels[key]
            limits = projection_limits(panel)
            counts = {}
            for name, (inner, outer) in self.clouds[key].items():
                clips = np.asarray(getattr(panel, name), np.float64)
                clips = clips[np.isfinite(clips).all(axis=1)]
                shown = np.clip(clips, *limits)
                outside = (shown != clips).any(axis=1)
                size, alpha = (11.0, 0.8) if len(clips) <= 100 else (8.0, 0.6) if len(clips) <= 1000 else (5.0, 0.4)
                for cloud, which, of_size in ((inner, ~outside, size), (outer, outside, size / 2.0)):
                    cloud.set_offsets(shown[which])
                    cloud.set_sizes([of_size])
                    cloud.set(alpha=alpha, rasterized=len(clips) > 2000)
                counts[name] = int(outside.sum())
            axes.set(xlim=limits[:, 0], ylim=limits[:, 1])
            beyond = ", ".join(f"{counts[name]} {letter}" for name, letter in _LETTERS.items() if counts[name])
            about = f"AUC {panel.auc:.3f}" if np.isfinite(panel.auc) else " "
            axes.set_title(
                f"{about}\n{f'outside: {beyond}' if beyond else ' '}", loc="left", fontsize=SMALL, pad=3.0, y=1.0
            )
            shares = " and ".join(f"{share:.0%}".replace("%", " %") for share in panel.explained)
            axes.set_xlabel(shares)
