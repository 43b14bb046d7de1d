"""Rule plot_results: figures of the tables."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from itertools import product
    from pathlib import Path

    from asd.detection.origins import expected_evaluations
    from asd.evaluation.tables import read_evaluation, read_table, summarise
    from asd.figures.by_detector import auc_by_snr, false_alarms, false_alarms_by_share, seconds_of_job, training_time
    from asd.figures.results import ablation, auc_by_id, auc_by_noise_factor, auc_heat_map
    from asd.figures.style import save

    settings, files, output = snakemake.params.settings, snakemake.input, dict(snakemake.output.items())
    labels, confidence = settings["snr_labels"], settings["confidence"]
    # not from the tables of the whole run, which have no checksums
    expected = expected_evaluations(snakemake.params.origins, files.clips, files.weights)
    every, by_machine = read_evaluation(
        *(settings["evaluated"], files.tables, files.comparisons, files.replicates, files.conditions),
        files.false_alarms,
        expected=expected,
    )
    for machine, path in zip(settings["evaluated"], output["false_alarms"], strict=True):
        rows = every[every["machine"] == machine]
        title = f"{machine}: share of false alarms, asked for and measured"
        save(false_alarms(rows, labels, title, asked=settings["asked"], confidence=confidence), path)
    by_share = zip(settings["evaluated"], files.false_alarms, output["false_alarms_by_share"], strict=True)
    for machine, table, path in by_share:
        title = f"{machine}: false alarms by the share asked for"
        save(false_alarms_by_share(read_table([table]), title, asked=settings["asked"], confidence=confidence), path)

    # no input, for who deletes them trains nothing again; where they are not, the figure says so
    (path,) = output["training_time"]
    times = [(*about, seconds_of_job(Path(path).parent / file)) for *about, file in settings["trainings"]]
    save(training_time(times, "Training time"), path)

    summary = summarise(every, by_machine, confidence).dropna(subset="auc_mean")
    auc = every.dropna(subset="auc")  # machines and IDs without abnormal clips have none
    for protocol, path in zip(settings["protocols"], output.get("heat_map", []), strict=False):
        rows = summary[summary["protocol"] == protocol]
        save(auc_heat_map(rows, labels, f"AUC, {protocol} protocol"), path)
    for machine, path in zip(settings["machines"], output.get("auc", []), strict=True):
        here, ids = (table[table["machine"] == machine] for table in (summary, auc))
        save(auc_by_snr(here, ids, labels, f"{machine}: AUC, means over IDs and seeds"), path)
    for machine, path in zip(settings["machines_by_id"], output.get("by_id", []), strict=True):
        save(auc_by_id(auc[auc["machine"] == machine], labels, f"{machine}: AUC of each ID"), path)
    for number, (machine, protocol) in enumerate(product(settings["machines"], settings["protocols"])):
        title = f"{machine}, {protocol} protocol"
        rows = summary[(summary["machine"] == machine) & (summary["protocol"] == protocol)]
        if "noise_factor" in output:
            save(auc_by_noise_factor(rows, labels, title), output["noise_factor"][number])
        if "ablation" in output:
            entries = {name: tuple(entry) for name, entry in settings["entries"].items()}
            save(ablation(rows, entries, labels, f"What the DDAE brings: {title}"), output["ablation"][number])
