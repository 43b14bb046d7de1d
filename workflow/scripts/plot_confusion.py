"""Rule plot_confusion: confusion matrices of one machine, noise factor and seed, summed over the IDs."""

from itertools import product

from asd.console import job_log

with job_log(snakemake.log[0]):
    from asd.evaluation import confusion_counts, read_test_scores
    from asd.figures import confusion_heat_map, save

    settings, wildcards = snakemake.params.settings, snakemake.wildcards
    ids = settings["ids"]
    tests = {
        unit: read_test_scores(path, settings["detectors"])
        for unit, path in zip(product(settings["snr_labels"], ids), snakemake.input, strict=True)
    }
    units = product(settings["snr_labels"].items(), settings["detectors"])
    for ((snr, label), detector), path in zip(units, snakemake.output, strict=True):
        clips = [tests[snr, name] for name in ids]
        counts = sum(confusion_counts(test.labels, test.decisions[detector]) for test in clips)
        title = f"{wildcards.machine}, {label}, {detector}, {len(ids)} IDs\n" + (
            f"noise factor {wildcards.nf}, seed {wildcards.seed}"
        )
        save(confusion_heat_map(counts, title), path)
