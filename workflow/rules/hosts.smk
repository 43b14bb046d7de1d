# What depends on where the workflow runs: environments, GPU, containers, Slurm, folders that can be written.

import shutil
import site

from snakemake import __file__ as SNAKEMAKE
from snakemake.settings.types import DeploymentMethod

from asd.detection.detectors import PYOD_PREFIX


def detection_environment():
    """PyOD has an environment of its own, since few need it and it brings many packages."""
    pyod = any(detector["method"].startswith(PYOD_PREFIX) for detector in PLAN.detectors)
    return f"../../envs/detection{'_pyod' if pyod else ''}.yaml"


# With `--sdm conda`, packages in the user's home folder (pip install --user) are hidden from pip, which would not install
# them into an environment that is to have them, and from jobs, which would import them in place of the environment's.
# Where Snakemake itself is one of them, its own processes have to find it.
if DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method:
    if not Path(SNAKEMAKE).is_relative_to(site.getusersitepackages()):
        os.environ.update(PYTHONNOUSERSITE="1")


# ------------------------------------------------------------------------------------------------------------- GPU


def trains_on_gpu():
    """Whether a profile or --set-resources has train_ddae ask for a GPU. Jobs on nodes are given the same resources,
    so they agree on it."""
    asked = workflow.resource_settings.overwrite_resources
    gpu = dict(asked.get(workflow.modifier.modify_rulename("train_ddae"), {})).get("gpu", 0)
    return getattr(gpu, "raw", gpu) != 0


def training_environment():
    """CUDA's libraries are gigabytes that only training on a GPU needs."""
    return f"../../envs/torch_{'cuda' if trains_on_gpu() else 'cpu'}.yaml"


# A training has the GPU of its machine to itself, unless a profile or --resources says that there are more. Not in
# profiles/default, whose `resources` would replace those of users' own profiles.
if trains_on_gpu() and "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", 1)

if trains_on_gpu() and config["ddae"]["device"] == "cpu" and workflow.is_main_process:
    logger.warning(
        "Each training asks for a GPU that it will not use, since ddae.device is cpu. Add "
        "--set-resources train_ddae:gpu=0, or set ddae.device to auto."
    )


# On a cluster the limit holds within a submission, where trainings may share a node; submissions are not counted.
resource_scopes:
    gpu="local",


# ------------------------------------------------------------------------------------------------------ containers

# With `--sdm apptainer`, all jobs run in this image: a file in the working directory (a link will do), or what the
# variable names, be it a file or an address that Apptainer can fetch it from. No matter of results, so not configured.
IMAGE = (
    os.environ.get("ASD_IMAGE")
    or os.environ.get("AUDIO_AD_IMAGE")  # its earlier name
    or "resources/asd.sif"
)
IN_CONTAINERS = DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method


def require_image():
    """Stop with the way to build it where it is missing; each job would fail for itself."""
    if "://" in IMAGE or Path(IMAGE).exists():
        return
    repository = WORKFLOW.parent
    stop(
        "The container can't be used:",
        [
            f"there is no image {IMAGE!r} in {str(Path.cwd())!r}. Build it with Podman (or Docker) and Apptainer:\n"
            f"      podman build --tag asd --file {repository}/Containerfile {repository}\n"
            f"      podman save --output asd.tar asd; mkdir -p {Path(IMAGE).parent}\n"
            f"      apptainer build {IMAGE} docker-archive:asd.tar\n"
            "    Or set the environment variable ASD_IMAGE to the image to use."
        ],
    )


def open_containers():
    """Containers see no folder but the working directory and /tmp, unless it is named: these are the folders of the
    scripts and of the data, also where links lead to them. Nor do they see GPUs.
    --apptainer-args can add to it."""
    given = [
        PLAN.root,
        config["dataset"]["samples"] or PLAN.root,
        (PLAN.cache or PLAN.root).partition("{")[0],
    ]
    places = [WORKFLOW.parent, *map(Path, given)]
    places += [place.resolve() for place in places]
    # of a path that is yet to be made, or is a file, the folder
    folders = {next(f for f in (p, *p.parents) if f.is_dir()) for p in map(Path.absolute, places)}
    hidden = [str(f) for f in folders if f != Path("/") and not f.is_relative_to(Path.cwd())]
    prefix = "APPTAINER" if shutil.which("apptainer") else "SINGULARITY"
    shown = [folder for folder in os.environ.get(f"{prefix}_BIND", "").split(",") if folder]
    os.environ[f"{prefix}_BIND"] = ",".join([*shown, *sorted(set(hidden) - set(shown))])
    if trains_on_gpu():
        os.environ[f"{prefix}_NV"] = "1"


if IN_CONTAINERS:
    if workflow.is_main_process:
        require_image()
    open_containers()


# ------------------------------------------------------------------------------------------------ Slurm and folders


def require_slurm():
    """Stop where jobs should be submitted but can't be; the executor would wait for ever."""
    plugin = workflow.executor_plugin
    if plugin and plugin.name == "slurm" and not shutil.which("sbatch"):
        stop(
            "No job can be submitted:",
            [
                "executor slurm: there is no program 'sbatch' here. Start Snakemake on a computer of the cluster, such as "
                "its login node, or without the Slurm profile."
            ],
        )


def require_writable(folder):
    """Stop where nothing can be written; Snakemake itself would end with a stack of calls."""
    place = Path(folder) if Path(folder).is_dir() else Path()
    if not os.access(place, os.W_OK):
        stop(
            "Nothing can be written:",
            [
                f"{str(place.resolve())!r} is read-only, or you have no permission to write there. Change that, or choose "
                "another working directory with --directory."
            ],
        )


if workflow.is_main_process:
    require_writable(".snakemake")
