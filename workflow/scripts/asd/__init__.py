"""Acoustic anomaly detection with a deep denoising autoencoder (DDAE).

An ordinary package: it knows audio, features, networks, detectors and statistics, and nothing of the workflow
that calls it.  Modules import downward only, in the order of the data:

``audio`` -> ``features`` -> ``extraction`` -> ``caches`` -> ``scaling`` -> ``ddae`` / ``denoising`` ->
``representations`` -> ``components`` -> ``detectors`` -> ``scores`` -> ``detection`` -> ``ensembles`` ->
``evaluation`` -> ``tables``, and the figures: ``figures`` (style) -> ``result_figures``, ``score_figures``,
``feature_figures``

What follows the caches knows of features only ``columns``, so that it does not depend on how they are extracted.

``simulation`` makes the demo recordings, ``download`` fetches those of others, ``inspection`` says what there is;
``configuration``, ``dataset``, ``samples``, ``splits`` and ``units`` turn a configuration into files and clips;
``statistics`` has the formulas of ``evaluation``; ``containers`` and ``integrity`` know a damaged file from a whole
one, and ``atomic`` writes whole ones.  Nothing heavy (torch, scikit-learn, matplotlib) is imported here.
"""
