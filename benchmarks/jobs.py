"""What the jobs of a finished run took, by rule: ``python -m benchmarks.jobs [results]``.

Reads the benchmark files that each job leaves.  What rules ask a scheduler for (`resources:`) was chosen by such
tables, and should stay above them.
"""

from __future__ import annotations

import csv
import math
import sys
from collections import defaultdict
from pathlib import Path


def measured(results: Path) -> dict[str, list[tuple[float, float]]]:
    """Rule -> seconds and MB of each of its jobs; MB is NaN for a job too short to be looked at."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    folder = results / "benchmarks"
    for path in sorted(folder.rglob("*.tsv")):
        with path.open(newline="", encoding="utf-8") as lines:
            row = next(csv.DictReader(lines, delimiter="\t"))
        rule = path.relative_to(folder).parts[0].removesuffix(".tsv")
        memory = math.nan if row["max_rss"] in ("NA", "-") else float(row["max_rss"])
        found[rule].append((float(row["s"]), memory))
    return found


def table(jobs: dict[str, list[tuple[float, float]]]) -> str:
    """A line for each rule, in Markdown."""
    lines = ["| rule | jobs | seconds, all | a job | longest | MB at most |", "|---|---|---|---|---|---|"]
    for rule, values in sorted(jobs.items()):
        seconds = [time for time, _ in values]
        memory = max((value for _, value in values if not math.isnan(value)), default=math.nan)
        mean = sum(seconds) / len(seconds)
        lines.append(
            f"| {rule} | {len(values)} | {sum(seconds):.1f} | {mean:.1f} | {max(seconds):.1f} | {memory:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    results = Path(sys.argv[1] if len(sys.argv) > 1 else "results")
    jobs = measured(results)
    if not jobs:
        raise SystemExit(
            f"There are no benchmark files in {str(results / 'benchmarks')!r}; the jobs of a run write them."
        )
    print(table(jobs))


if __name__ == "__main__":
    main()
