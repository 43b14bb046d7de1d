"""Rule plot_features: features before and after denoising, and what the best detector sees of the clips, of one ID."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.detection.networks import read_networks
    from asd.detection.origins import expected_scores
    from asd.detection.representations import Represented
    from asd.detection.seen import as_seen
    from asd.detection.units import read_unit_clips
    from asd.detection.views import ID_EMBEDDING, WITHOUT_DDAE
    from asd.evaluation.best import auc_of, best_view, standings
    from asd.evaluation.machine import read_unit_scores
    from asd.features.columns import N_FEATURES
    from asd.figures.features import FeaturePanel, ProjectionPanel, denoising, project_2d, projection
    from asd.figures.style import save
    from asd.files.origin import origins_of

    settings, wildcards, files, origins = (
        snakemake.params.settings,
        snakemake.wildcards,
        snakemake.input,
        snakemake.params.origins,
    )
    labels, run = settings["snr_labels"], settings["scores"]
    networks = read_networks(
        *(files.weights, files.classifier, origins, files.reference, files.classified, settings["snrs"])
    )
    expected = expected_scores(origins, "scores", files.clips, [files.weights, *files.classifier])
    contents = read_unit_scores(files.scores, run["runs"], run["units"], expected)
    ordered = standings(contents, settings["ensembles"], settings["false_alarms"], settings["confidence"])
    best = best_view(ordered, settings["ensembles"], settings["default"])
    representation, kind = settings["views"][best.detector]
    features, projections = {}, {}
    caches = (files.normal, files.normal_clips, files.abnormal, files.abnormal_clips)
    for clips in read_unit_clips(*caches, settings, expected=origins_of(origins, "clips")):
        label = labels[clips.snr]
        normal, abnormal = (part[:, :N_FEATURES] for part in clips.test())
        after = (networks.denoiser.denoise_unscaled(part) for part in (normal, abnormal))
        features[label] = FeaturePanel(normal, abnormal, *after)
        train = clips.train_without_ddae() if representation in WITHOUT_DDAE else clips.train()
        of_snr = networks.of_snr.get(clips.snr, ())[:1] if representation == ID_EMBEDDING else ()
        seen = as_seen(
            *(representation, kind),
            *(Represented.of(part, networks.denoiser, of_snr).get(representation) for part in (train, *clips.test())),
        )
        projected, explained = project_2d(*seen)
        auc = auc_of(contents, best.detector, clips.snr, clips.machine_id)
        projections[label, clips.machine_id] = ProjectionPanel(*projected, explained, auc)
    about = f"noise factor {wildcards.nf}, seed {settings['seed']}, {settings['protocol']} protocol"
    title = f"{wildcards.machine} {wildcards.id}, {about}"
    save(denoising(features, f"{title}: test clips before and after denoising"), snakemake.output.denoising)
    save(projection(projections, f"{title}: {best.words(representation, kind)}"), snakemake.output.projection)
