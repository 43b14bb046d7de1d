"""Lines of the tables of results: the fields of a class are the columns of its table, in this order."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, get_type_hints


@dataclass(frozen=True)
class AucRow:
    """One detector on one ID at one SNR, under one run: a line of ``auc.csv``.

    Attributes
    ----------
    noise_factor, seed
        As `asd.ddae.run.Run` has them as text.
    auc, pauc, precision, recall, f1
        NaN without abnormal clips.
    threshold
        Score above which a clip is taken for abnormal.
    n_train, n_normal, n_abnormal
        Numbers of training clips and of test clips.
    tn, fp, fn, tp
        Numbers of decisions, abnormal as positive.
    map_mfcc, map_basic
        Components by the MAP test; None where there was no such test.
    """

    machine: str
    noise_factor: str
    seed: str
    snr: str
    id: str
    detector: str
    auc: float
    pauc: float
    threshold: float
    n_train: int
    n_normal: int
    n_abnormal: int
    tn: int
    fp: int
    fn: int
    tp: int
    map_mfcc: int | None
    map_basic: int | None
    protocol: str
    representation: str
    projection: str
    precision: float
    recall: float
    f1: float
    false_alarm_rate: float


@dataclass(frozen=True)
class ConditionRow:
    """One detector on one fault, or on the normal clips with one value of an attribute: a line of ``conditions.csv``.

    Attributes
    ----------
    attribute, value
        ``condition`` and the fault's name, or an attribute of the clips and one of its values.
    auc
        Of these clips against all normal clips (of a fault) or against all abnormal ones (of an attribute).
    recall, false_alarm_rate
        Shares of the abnormal and of the normal ones among them that are flagged.
    n_normal, n_abnormal
        Numbers of clips that the line is about.
    """

    protocol: str
    machine: str
    noise_factor: str
    seed: str
    snr: str
    id: str
    detector: str
    attribute: str
    value: str
    auc: float
    recall: float
    false_alarm_rate: float
    n_normal: int
    n_abnormal: int


@dataclass(frozen=True)
class FalseAlarmRow:
    """One detector with the threshold that one share asks for: a line of ``evaluation/{machine}.false_alarms.csv``.

    Attributes
    ----------
    asked
        Share of the normal clips that the threshold is meant to flag.
    false_alarm_rate
        Share of the normal test clips that it flags, the mean over SNRs, IDs and seeds.
    n_normal
        Normal test clips of all IDs, which SNRs and seeds share.
    """

    protocol: str
    machine: str
    noise_factor: str
    detector: str
    asked: float
    false_alarm_rate: float
    n_normal: int


@dataclass(frozen=True)
class ComparisonRow:
    """Two entries at one SNR, or on the mean over the SNRs, the better one first: a line of ``comparisons.csv``.

    Attributes
    ----------
    difference, low, high
        Of their AUCs, and its bootstrap interval over seeds and clips.
    p_value
        Of that bootstrap, two-sided.
    p_delong
        Over clips alone; None where the seeds test different clips, and for the mean over the SNRs.
    """

    protocol: str
    machine: str
    snr: str
    detector: str
    noise_factor: str
    other_detector: str
    other_noise_factor: str
    difference: float
    low: float
    high: float
    p_value: float
    p_delong: float | None


@dataclass(frozen=True)
class SummaryRow:
    """One detector over all IDs and seeds: a line of ``summary.csv``; see `asd.evaluation.tables.summarise`."""

    machine: str
    noise_factor: float | str
    snr: str
    detector: str
    auc_mean: float
    auc_std: float
    pauc_mean: float
    worst_id: str
    worst_auc: float
    n_ids: int
    n_seeds: int
    protocol: str
    auc_low: float
    auc_high: float
    auc_harmonic_mean: float
    pauc_low: float
    pauc_high: float
    pauc_harmonic_mean: float
    precision: float
    recall: float
    f1: float
    false_alarm_rate: float


def columns_of(row: type[Any]) -> tuple[str, ...]:
    """Columns of the table of such lines."""
    return tuple(field.name for field in fields(row))


def text_columns_of(row: type[Any]) -> tuple[str, ...]:
    """Those that hold text, even where it looks like a number; the others hold numbers, or nothing."""
    return tuple(name for name, kind in get_type_hints(row).items() if kind is str)
