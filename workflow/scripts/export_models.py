"""Rule export_models: the models of all IDs of a machine at all SNRs, of one training."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from dataclasses import replace
    from functools import partial

    from asd.detection.detectors import Detector
    from asd.detection.ensembles import Ensemble
    from asd.detection.networks import read_networks
    from asd.detection.origins import expected_scores
    from asd.detection.scores import read_scores_of_all, score_paths
    from asd.detection.units import read_unit_clips
    from asd.files.atomic import whole_folder
    from asd.files.origin import origins_of
    from asd.models.export import Trained, build_model, samples_at_hand
    from asd.models.files import write_model

    settings, origins, files = snakemake.params.settings, snakemake.params.origins, snakemake.input
    lists = [*files.normal_clips, *files.abnormal_clips, *files.unlabelled_clips]
    snrs = list(dict.fromkeys(snr for snr, _ in settings["units"]))
    trained_from = (origins, files.reference, files.classified)
    networks = read_networks(files.weights, files.classifier, *trained_from, snrs)
    made_with = [files.weights, *files.classifier]
    (own,) = expected_scores(origins, "own", lists, made_with)
    scored = expected_scores(origins, "scores", lists, made_with)
    samples = partial(
        samples_at_hand,
        root=snakemake.params.root,
        recordings=snakemake.params.recordings,
        channel=settings["channel"],
        seconds=settings["seconds"],
    )
    caches = (files.normal, files.normal_clips, files.abnormal, files.abnormal_clips)
    unlabelled = (files.unlabelled, files.unlabelled_clips)
    with whole_folder(snakemake.output.models) as folder:
        for clips in read_unit_clips(*caches, settings, *unlabelled, origins_of(origins, "clips")):
            trained = Trained(
                machine=settings["machine"],
                noise_factor=settings["noise_factor"],
                seed=settings["seed"],
                clips=clips,
                denoiser=networks.denoiser,
                networks=networks.of_snr.get(clips.snr, ()),
                detectors=[Detector(**about) for about in settings["detectors"]],
                ensembles=[Ensemble(**about) for about in settings["ensembles"]],
                scores=read_scores_of_all(files.scores, clips.snr, clips.machine_id, scored),
            )
            model = build_model(
                trained,
                detector=settings["detector"],
                snr_label=settings["snr_labels"][clips.snr],
                channel=settings["channel"],
                clip_seconds=settings["seconds"],
                samples=samples,
                origin=replace(own, snr=clips.snr, id=clips.machine_id, code=snakemake.params.code).values(),
            )
            write_model(
                score_paths(folder, clips.snr, clips.machine_id)[0].with_suffix(".onnx"), model.graph, model.about
            )
