"""Rule list_hardest: the page with the clips of a run that are hardest to tell."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    import itertools

    from asd.detection.origins import expected_scores
    from asd.detection.scores import read_scores_of_all
    from asd.detection.units import read_clips_of_machines
    from asd.files.origin import origins_of
    from asd.scoring.listening import ListedUnit, write_listening_page

    settings, origins, files = snakemake.params.settings, snakemake.params.origins, snakemake.input
    folders, lists, weights = iter(files.scores), iter(files.clips), iter(files.weights)
    of_machine = {}
    for name, about in origins.items():
        of_clips, of_weights = (len(about[key]) for key in ("clips", "weights"))
        expected = expected_scores(
            about, "scores", list(itertools.islice(lists, of_clips)), list(itertools.islice(weights, of_weights))
        )
        of_machine[name] = list(itertools.islice(folders, settings["folders"])), expected
    normal_lists = [file for file in files.clips if file.endswith("_normal.csv")]
    abnormal_lists = [file for file in files.clips if file.endswith("_abnormal.csv")]
    every = read_clips_of_machines(
        files.normal,
        normal_lists,
        files.abnormal,
        abnormal_lists,
        settings["machines"],
        [origin for about in origins.values() for origin in origins_of(about, "clips")],
    )
    names = [one["machine"] for one in settings["machines"] for _ in one["units"]]
    units = [
        ListedUnit(
            machine,
            settings["snr_labels"][clips.snr],
            read_scores_of_all(of_machine[machine][0], clips.snr, clips.machine_id, of_machine[machine][1]),
            clips,
        )
        for machine, clips in zip(names, every, strict=True)
    ]
    write_listening_page(
        snakemake.output.page,
        units,
        settings["detector"],
        title=("simulated recordings, " if settings["simulated"] else "")
        + f"noise factor {settings['noise_factor']}, seed {settings['seed']}, {settings['protocol']} protocol",
        root=snakemake.params.root,
        recordings=snakemake.params.recordings,
        channel=settings["channel"],
        seconds=settings["seconds"],
        processes=snakemake.threads,
    )
