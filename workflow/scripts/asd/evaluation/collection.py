"""The tables of a whole run: those of all machines joined, summed up, ranked, and written for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ..features.cliplist import SKIPPED_COLUMNS, read_skipped
from ..files import StrPath
from ..files.atomic import whole_file
from ..files.origin import Origin
from . import pages, shown
from .advice import Trainings, about_trainings_in_lines, advise, marked, remarks
from .leaderboard import leaderboard
from .tables import (
    COMPARISON_COLUMNS,
    CONDITION_COLUMNS,
    for_people,
    read_evaluation,
    read_table,
    summarise,
    write_table,
)


@dataclass(frozen=True)
class ResultFiles:
    """What `collect` writes.

    Attributes
    ----------
    auc, summary, leaderboard, comparisons, conditions, skipped
        CSV files.
    markdown, page
        The leaderboard as Markdown, and as a page.
    auc_page, summary_page, comparisons_page, conditions_page
        The other tables as pages.
    text
        The advice, and tables for the terminal.
    """

    auc: StrPath
    summary: StrPath
    leaderboard: StrPath
    comparisons: StrPath
    conditions: StrPath
    skipped: StrPath
    markdown: StrPath
    page: StrPath
    auc_page: StrPath
    summary_page: StrPath
    comparisons_page: StrPath
    conditions_page: StrPath
    text: StrPath


def collect(
    tables: Sequence[StrPath],
    replicates: Mapping[str, StrPath],
    comparisons: Sequence[StrPath],
    conditions: Sequence[StrPath],
    skipped: Sequence[StrPath],
    trainings: Trainings = (),
    *,
    files: ResultFiles,
    confidence: float,
    asked: float,
    snr_labels: Mapping[str, str] | None = None,
    simulated: bool = False,
    expected: Sequence[Origin] = (),
) -> None:
    """Join the tables of all machines, noise factors and seeds, and sum them up.

    Parameters
    ----------
    tables
        Tables with `asd.evaluation.tables.AUC_COLUMNS`, one for each machine.
    replicates
        Machine -> what `asd.evaluation.machine.write_replicates` wrote.
    comparisons
        Tables with `COMPARISON_COLUMNS`, one for each machine.
    conditions
        Tables with `CONDITION_COLUMNS`, one for each machine.
    skipped
        Lists (`SKIPPED_COLUMNS`) of recordings that were left out.
    trainings
        Each training of a DDAE: which it is, and how it went.
    files
        What to write.
    confidence
        Of the intervals, in per cent.
    asked
        Share of the normal clips that thresholds are meant to flag.
    snr_labels
        SNR -> what people call it.  CSV files have the names of the configuration.
    simulated
        The recordings are the demo's: every table says so, CSV files in a column ``data``.
    expected
        Whose the files of each machine have to be; if left out, anybody's.
    """
    table, by_machine = read_evaluation(
        list(replicates), tables, comparisons, list(replicates.values()), conditions, expected=expected
    )
    summary = summarise(table, by_machine, confidence)
    ranking = leaderboard(table, by_machine, confidence, asked)
    labels = snr_labels or {}
    advice = advise(ranking, table, confidence=confidence, asked=asked, snr_labels=labels, simulated=simulated)
    ranking = marked(ranking, advice)
    compared = read_table(comparisons)[list(COMPARISON_COLUMNS)]
    of_conditions = read_table(conditions)[list(CONDITION_COLUMNS)]
    written_tables = {
        files.auc: table,
        files.summary: summary,
        files.leaderboard: ranking,
        files.comparisons: compared,
        files.conditions: of_conditions,
    }
    for path, content in written_tables.items():
        write_table(for_people(content.assign(data="simulated") if simulated else content), path)
    left_out = pd.DataFrame([line for path in skipped for line in read_skipped(path)], columns=SKIPPED_COLUMNS[:2])
    write_table(for_people(left_out), files.skipped)

    unranked = [machine for machine, replicates_of in by_machine.items() if not replicates_of]
    said = remarks(table, unranked, trainings)
    board = shown.of_leaderboard(ranking, table, advice, confidence, asked, labels)
    texts = {
        files.markdown: pages.markdown(advice, said, board),
        files.page: pages.leaderboard_page(advice, said, board),
        files.summary_page: pages.summary_page(shown.of_summary(summary, labels)),
        files.auc_page: pages.auc_page(shown.of_every_id(table, labels)),
        files.comparisons_page: pages.comparisons_page(shown.of_comparisons(compared, confidence, labels)),
        files.conditions_page: pages.conditions_page(shown.of_conditions(of_conditions, labels)),
        files.text: shown.for_console(
            advice, summary, labels, len(left_out), str(files.skipped), about_trainings_in_lines(trainings)
        ),
    }
    for path, text in texts.items():
        with whole_file(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
