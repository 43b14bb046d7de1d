"""Rule plot_features: features before and after denoising, and projections of the clips, of one ID at all SNRs."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.ddae.denoiser import Denoiser
    from asd.ddae.origins import expected_weights
    from asd.detection.units import read_unit_clips
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
    labels = settings["snr_labels"]
    (whose,) = expected_weights(origins, "weights", files.reference)
    denoiser = Denoiser.load(files.weights, whose)
    features, projections = {}, {}
    caches = (files.normal, files.normal_clips, files.abnormal, files.abnormal_clips)
    for unit in read_unit_clips(*caches, settings, expected=origins_of(origins, "clips")):
        train, normal, abnormal = (clips[:, :N_FEATURES] for clips in (unit.train(), *unit.test()))
        features[labels[unit.snr]] = FeaturePanel(
            normal, abnormal, denoiser.denoise_unscaled(normal), denoiser.denoise_unscaled(abnormal)
        )
        projected, explained = project_2d(*(denoiser.denoise(clips) for clips in (train, normal, abnormal)))
        projections[labels[unit.snr], unit.machine_id] = ProjectionPanel(*projected, explained)
    about = f"noise factor {wildcards.nf}, seed {settings['seed']}, {settings['protocol']} protocol"
    title = f"{wildcards.machine} {wildcards.id}, {about}"
    save(denoising(features, f"{title}: test clips before and after denoising"), snakemake.output.denoising)
    save(projection(projections, f"{title}: denoised features"), snakemake.output.projection)
