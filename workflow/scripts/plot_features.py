"""Rules plot_features and plot_features_of_id: features before and after denoising, and what the best detector sees of
the clips, of some IDs, under each protocol."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from itertools import islice

    from asd.detection.networks import read_networks
    from asd.detection.origins import expected_scores
    from asd.detection.units import read_unit_clips, split_again
    from asd.evaluation.best import auc_of, best_view, standings
    from asd.evaluation.machine import read_unit_scores
    from asd.figures.denoising import DenoisingFigures, FeaturePanel
    from asd.figures.projections import ProjectionFigures, ProjectionPanel
    from asd.files.origin import origins_of

    settings, wildcards, files = snakemake.params.settings, snakemake.wildcards, snakemake.input
    labels, every = settings["snr_labels"], []
    weights, classifiers, scores = iter(files.weights), iter(files.classifier), iter(files.scores)
    denoising, projection = DenoisingFigures(), ProjectionFigures()
    denoised, projected = iter(snakemake.output.denoising), iter(snakemake.output.projection)
    caches = (files.normal, files.normal_clips, files.abnormal, files.abnormal_clips)
    for protocol, of in settings["protocols"].items():
        origins, run = snakemake.params.origins[protocol], of["scores"]
        classifier = list(islice(classifiers, len(origins["classifier"])))
        trained = [next(weights), *classifier]
        networks = read_networks(trained[0], classifier, origins, files.reference, files.classified, settings["snrs"])
        expected = expected_scores(origins, "scores", files.clips, trained)
        contents = read_unit_scores(list(islice(scores, len(run["runs"]))), run["runs"], run["units"], expected)
        ordered = standings(contents, settings["ensembles"], settings["false_alarms"], settings["confidence"])
        best = best_view(ordered, settings["ensembles"], settings["default"])
        view = settings["views"][best.detector]  # representation and projection
        every = split_again(every, of) if every else read_unit_clips(*caches, of, expected=origins_of(origins, "clips"))
        for machine_id in settings["ids"]:
            here = {labels[clips.snr]: clips for clips in every if clips.machine_id == machine_id}
            features = {label: FeaturePanel.of(clips, networks.denoiser) for label, clips in here.items()}
            projections = {}
            for label, clips in here.items():
                auc = auc_of(contents, best.detector, clips.snr, machine_id)
                projections[label, machine_id] = ProjectionPanel.of(clips, networks, *view, auc)
            about = f"noise factor {wildcards.nf}, seed {of['seed']}, {protocol} protocol"
            title = f"{wildcards.machine} {machine_id}, {about}"
            denoising.save(features, f"{title}: test clips before and after denoising", next(denoised))
            projection.save(projections, f"{title}: {best.words(*view)}", next(projected))
