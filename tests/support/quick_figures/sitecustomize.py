"""Has jobs draw small figures without settling their layout, which takes more time than all else that most of them do.

Python imports it at its start where this folder is on the path (`workflow_runner.snakemake`).  What figures look like
is for the unit tests of figures, and for the tests that look at those of a run.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
from typing import Any

_MODULE = "matplotlib.figure"


class _Quick(importlib.abc.MetaPathFinder):
    """Nothing is imported unless a job itself does."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != _MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        load = spec.loader.exec_module  # type: ignore[union-attr]

        def load_quick(module: Any) -> None:
            load(module)
            _hasten(module.Figure)

        spec.loader.exec_module = load_quick  # type: ignore[union-attr, method-assign]
        return spec


def _hasten(figure_class: Any) -> None:
    set_dpi, set_layout_engine, save = figure_class.set_dpi, figure_class.set_layout_engine, figure_class.savefig

    def set_dpi_quick(figure: Any, dpi: float) -> None:
        set_dpi(figure, dpi / 8.0)

    def set_layout_quick(figure: Any, layout: Any = None, **options: Any) -> None:
        set_layout_engine(figure, "none")

    def save_quick(figure: Any, *arguments: Any, dpi: float = 100.0, **options: Any) -> None:
        save(figure, *arguments, dpi=dpi / 8.0, **options)

    figure_class.set_dpi, figure_class.set_layout_engine = set_dpi_quick, set_layout_quick
    figure_class.savefig = save_quick


sys.meta_path.insert(0, _Quick())
