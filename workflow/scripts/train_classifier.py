"""Rule train_classifier: networks that tell IDs apart, of a machine or all, for each SNR, of one seed and protocol."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from dataclasses import replace

    from asd.classification.training import ClassifierSettings, train_classifier
    from asd.ddae.origins import expected_weights
    from asd.detection.units import read_clips_of_machines
    from asd.files.origin import origins_of

    settings, origins, files = snakemake.params.settings, snakemake.params.origins, snakemake.input
    caches = (files.normal, files.normal_clips, files.abnormal, files.abnormal_clips)
    clips = read_clips_of_machines(*caches, settings["machines"], origins_of(origins, "classified"))
    training = ClassifierSettings(networks=settings["networks"], epochs=settings["epochs"], seed=settings["seed"])
    classifier = train_classifier(
        [unit.of_id() for unit in clips], settings["snrs"], training, settings["folds"], snakemake.threads
    )
    lists = [*files.normal_clips, *files.abnormal_clips]
    (origin,) = expected_weights(origins, "own", lists, "classified")
    classifier.save(snakemake.output.classifier, replace(origin, code=snakemake.params.code))
