"""The trained networks of a machine that detection goes by: the DDAE, and the ID classifier, where there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..classification.classifier import Classifier, Networks
from ..ddae.denoiser import Denoiser
from ..ddae.origins import expected_weights
from ..files import StrPath
from ..files.origin import Origins


@dataclass(frozen=True)
class TrainedNetworks:
    """Of one training.

    Attributes
    ----------
    of_snr
        SNR -> the networks of the ID classifier; nothing without one.
    """

    denoiser: Denoiser
    of_snr: Mapping[str, Sequence[Networks]]


def read_networks(
    weights: StrPath,
    classifier: Sequence[StrPath],
    origins: Origins,
    reference: Sequence[StrPath],
    classified: Sequence[StrPath],
    snrs: Sequence[str],
) -> TrainedNetworks:
    """Read them, and make sure that they are those of the clips that are there now.

    Parameters
    ----------
    classifier
        One file, or none.
    origins
        Whose they have to be, as `asd.ddae.origins.expected_weights` takes it: ``weights``, ``classifier``.
    reference, classified
        Clip lists of what trained them.
    snrs
        In the order in which the classifier has them.

    Raises
    ------
    UserError
        If a file is missing, damaged, another one's, or was made from other clips.
    """
    whose, *_ = expected_weights(origins, "weights", reference)
    denoiser = Denoiser.load(weights, whose)
    return TrainedNetworks(denoiser, read_classifier(classifier, origins, classified, snrs))


def read_classifier(
    classifier: Sequence[StrPath], origins: Origins, classified: Sequence[StrPath], snrs: Sequence[str]
) -> Mapping[str, Sequence[Networks]]:
    """SNR -> the networks of the ID classifier, with the parameters of `read_networks`; nothing without one.

    Raises
    ------
    UserError
        As `read_networks` does.
    """
    of_snr: Mapping[str, Sequence[Networks]] = {}
    for path, expected in zip(
        classifier, expected_weights(origins, "classifier", classified, "classified"), strict=True
    ):
        of_snr = Classifier.load(path, snrs, expected).of_snr
    return of_snr
