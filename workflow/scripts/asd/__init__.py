"""Anomalous sound detection (ASD, the term of the DCASE challenges) with a deep denoising autoencoder (DDAE).

An ordinary package: it knows audio, features, networks, detectors and statistics, and nothing of Snakemake.  Data flows
from one room to the next, and no module imports upward:

``files``, ``joblog``, ``schema``, ``splits`` -> ``recordings``, ``download`` -> ``demo``, ``features`` -> ``ddae`` ->
``detection`` -> ``evaluation`` -> ``figures``, and ``plan`` on top, which no script of a job imports.

Nothing heavy (torch, librosa, scikit-learn, matplotlib) is imported here.
"""
