"""Clips that scores are of, by their names alone."""

from __future__ import annotations

from collections.abc import Iterable

from asd.detection.clips import ScoredClip, ScoredClips


def scored_clips(train: Iterable[str], normal: Iterable[str], abnormal: Iterable[str]) -> ScoredClips:
    """Whole recordings without condition or attributes."""
    return ScoredClips(*(tuple(map(ScoredClip, names)) for names in (train, normal, abnormal)))


def files_of(clips: Iterable[ScoredClip]) -> tuple[str, ...]:
    """Names of the files."""
    return tuple(clip.file for clip in clips)
