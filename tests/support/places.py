"""Where the repository is, and the shared real data beside it."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = REPOSITORY / "workflow" / "scripts"
SHARED = REPOSITORY.parent / "shared"
SUPPORT = REPOSITORY / "tests" / "support"
