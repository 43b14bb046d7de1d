"""Rule plot_scores: scores of every clip of one machine, noise factor and protocol, under the first seed."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.detection.origins import expected_scores
    from asd.evaluation.machine import read_unit_scores
    from asd.figures.scores import ScorePanel, score_strips
    from asd.figures.style import save
    from asd.splits import title_of

    settings, wildcards = snakemake.params.settings, snakemake.wildcards
    labels = settings["snr_labels"]
    files = snakemake.input
    expected = expected_scores(snakemake.params.origins, "scores", files.clips, files.weights)
    contents = read_unit_scores(files.scores, settings["runs"], settings["units"], expected)
    about = f"{wildcards.machine}, noise factor {wildcards.nf}, {title_of(settings['protocol'])}"

    for detector, path in zip(settings["detectors"], snakemake.output.strips, strict=True):
        panels = {}
        for unit, content in contents.items():
            scores, abnormal = content.scores[detector], content.clips.labels
            panels[labels[unit.snr], unit.machine_id] = ScorePanel(
                scores.train, scores.test[~abnormal], scores.test[abnormal], scores.threshold
            )
        save(score_strips(panels, f"{about}: scores of {detector}, seed {settings['seed']}"), path)
