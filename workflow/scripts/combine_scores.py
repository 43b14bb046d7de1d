"""Rule combine_scores: ensembles of the scores of one machine ID, at all noise factors, seeds and SNRs."""

from asd.console import job_log

with job_log(snakemake.log[0]):
    from asd.ensembles import Ensemble, combine_units
    from asd.scores import read_scores, write_scores

    settings, files = snakemake.params.settings, snakemake.input
    pairs = zip(files.scores, files.summaries, strict=True)
    members = {tuple(unit): read_scores(*pair) for unit, pair in zip(settings["members"], pairs, strict=True)}
    ensembles = {about["name"]: Ensemble(**about) for about in settings["ensembles"]}
    outputs = zip(snakemake.output.scores, snakemake.output.summaries, strict=True)
    for (noise_factor, seed, snr, names), paths in zip(settings["units"], outputs, strict=True):
        chosen = [ensembles[name] for name in names]
        combined = combine_units(members, chosen, noise_factor, seed, snr, settings["threshold_percentile"])
        write_scores(combined.scores, combined.clips, combined.protocol, *paths)
