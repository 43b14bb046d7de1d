"""Acoustic anomaly detection with a deep denoising autoencoder (DDAE).

An ordinary package: it knows audio, features, networks, detectors and statistics, and nothing of the workflow
that calls it.  Modules import downward only, in the order of the data:

``audio`` -> ``features`` -> ``extraction`` -> ``caches`` -> ``scaling`` -> ``ddae`` / ``denoising`` ->
``components`` -> ``detectors`` -> ``detection`` -> ``evaluation`` -> ``tables`` -> ``figures``

What follows the caches knows of features only ``columns``, so that it does not depend on how they are extracted.

``simulation`` makes the demo recordings, ``configuration``, ``dataset`` and ``splits`` turn a configuration into
files and counts.  Nothing heavy (torch, scikit-learn, matplotlib) is imported here.
"""
