"""Rules plot_scores and plot_scores_over_trainings: scores of every clip of a machine and noise factor."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from itertools import product

    from asd.ddae.run import ALL
    from asd.detection.origins import expected_scores
    from asd.evaluation.machine import read_unit_scores
    from asd.figures.scores import ScorePanel, save_score_strips
    from asd.splits import title_of

    settings, wildcards = snakemake.params.settings, snakemake.wildcards
    labels = settings["snr_labels"]
    files = snakemake.input
    expected = expected_scores(snakemake.params.origins, "scores", files.clips, files.weights)
    contents = read_unit_scores(files.scores, settings["runs"], settings["units"], expected)
    factor = "all noise factors" if wildcards.nf == ALL else f"noise factor {wildcards.nf}"
    seed = "all seeds" if settings["seed"] is None else f"seed {settings['seed']}"

    def panels_of(protocol, detector):
        """(SNR's label, ID) -> scores of a detector."""
        return {
            (labels[unit.snr], unit.machine_id): ScorePanel.of(content, detector)
            for unit, content in contents.items()
            if unit.run.protocol == protocol
        }

    every = product(settings["protocols"], settings["detectors"])
    about = f"{wildcards.machine}, {factor}"
    save_score_strips(
        (panels_of(protocol, detector), f"{about}, {title_of(protocol)}: scores of {detector}, {seed}", path)
        for (protocol, detector), path in zip(every, snakemake.output.strips, strict=True)
    )
