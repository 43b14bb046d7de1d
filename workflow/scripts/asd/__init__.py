"""Anomalous sound detection (ASD, the term of the DCASE challenges) with a deep denoising autoencoder (DDAE).

An ordinary package: it knows audio, features, networks, detectors and statistics, and nothing of Snakemake.  Data flows
from one room to the next, and no module imports upward:

``files``, ``joblog``, ``schema``, ``splits`` -> ``recordings``, ``download`` -> ``demo``, ``features`` -> ``ddae`` ->
``detection`` -> ``evaluation`` -> ``figures`` -> ``models`` -> ``scoring``, and ``plan`` on top, which no script of a
job imports.

Nothing heavy (torch, librosa, scikit-learn, matplotlib) is imported here.  What other programs use,

>>> from asd import Model  # doctest: +SKIP

is found when it is asked for, by name and not by an import statement: every job imports this module, and import
statements are what tells which code a job depends on.
"""


def __getattr__(name):  # type: ignore[no-untyped-def]  # __init__.pyi has the types
    import importlib

    for_others = {
        "Model": "asd.scoring.model",
        "Verdict": "asd.scoring.model",
        "Explanation": "asd.scoring.explanation",
        "UserError": "asd.errors",
    }
    if name not in for_others:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(for_others[name]), name)
