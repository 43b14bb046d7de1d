"""Rule plot_results: figures of the tables."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from itertools import product

    from asd.detection.origins import expected_evaluations
    from asd.evaluation.tables import read_evaluation, summarise
    from asd.figures.results import ablation, auc_by_noise_factor, auc_heat_map
    from asd.figures.style import auc_by_snr, save

    settings, files, output = snakemake.params.settings, snakemake.input, dict(snakemake.output.items())
    labels = settings["snr_labels"]
    # not from the tables of the whole run, which have no checksums
    expected = expected_evaluations(snakemake.params.origins, files.clips, files.weights)
    auc, by_machine = read_evaluation(
        settings["evaluated"], files.tables, files.comparisons, files.replicates, expected=expected
    )
    summary = summarise(auc, by_machine, settings["confidence"]).dropna(subset="auc_mean")
    auc = auc.dropna(subset="auc")  # machines and IDs without abnormal clips have none

    for protocol, path in zip(settings["protocols"], output["heat_map"], strict=True):
        rows = summary[summary["protocol"] == protocol]
        save(auc_heat_map(rows, labels, f"AUC, {protocol} protocol"), path)

    for number, (machine, protocol) in enumerate(product(settings["machines"], settings["protocols"])):
        title = f"{machine}, {protocol} protocol"
        here, ids = (table[(table["machine"] == machine) & (table["protocol"] == protocol)] for table in (summary, auc))
        save(auc_by_snr(ids, labels, title), output["auc"][number])
        if "noise_factor" in output:
            save(auc_by_noise_factor(here, labels, title), output["noise_factor"][number])
        if "ablation" in output:
            entries = {name: tuple(entry) for name, entry in settings["entries"].items()}
            title = f"What the DDAE brings: {title}"
            save(ablation(here, entries, labels, title), output["ablation"][number])
