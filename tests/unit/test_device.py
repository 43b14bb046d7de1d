"""Where the DDAE trains: the choice, a GPU that can't be used or fails meanwhile, and the same numbers each time.

Most of it runs without a GPU: torch is made to believe in one, and "on the GPU" the networks are trained by the CPU.
"""

from __future__ import annotations

import logging
import os
import runpy
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from asd.ddae import model
from asd.ddae.device import is_gpu_failure, on_device
from asd.ddae.model import TrainedDDAE, TrainingSettings
from asd.ddae.settings import WIDTHS
from asd.errors import UserError
from asd.features.caches import ClipRecord, write_cache
from asd.files.origin import Origin
from asd.joblog import USER_ERROR
from places import REPOSITORY

CPU = torch.device("cpu")
NAME = "Imaginary GPU 9000"
EPOCHS = 3
SETTINGS = TrainingSettings(noise_factor=0.7, epochs=EPOCHS, batch_size=16, learning_rate=1e-3, seed=7)
IDS = ("id_00", "id_02")

HOW_TO_DEBUG = (
    "\nSearch for `cudaErrorSomething' in https://docs.nvidia.com/cuda/ for more information.\n"
    "CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be "
    "incorrect.\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1\n"
    "Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.\n"
)
NO_DRIVER = RuntimeError(
    "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver from "
    "http://www.nvidia.com/Download/index.aspx"
)
OLD_DRIVER = RuntimeError(
    "The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver by downloading "
    "and installing a new version from the URL: http://www.nvidia.com/Download/index.aspx"
)
NO_GPU = RuntimeError("No CUDA GPUs are available")
OTHER_DRIVER = RuntimeError(
    "Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling NumCudaDevices() that "
    "might have already set an error? Error 804: forward compatibility was attempted on non supported HW"
)
STARTED_LATE = torch.cuda.DeferredCudaCallError(
    "CUDA call failed lazily at initialization with error: device >= 0 && device < num_gpus\n\nCUDA call was "
    "originally invoked at:\n\n  File ..."
)
MEMORY = torch.OutOfMemoryError(
    "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79.11 GiB of which 5.06 MiB is "
    "free. If reserved but unallocated memory is large try setting PYTORCH_ALLOC_CONF=expandable_segments:True to "
    "avoid fragmentation."
)
MEMORY_OF_CONTEXT = torch.AcceleratorError(f"CUDA error: out of memory{HOW_TO_DEBUG}")
MEMORY_OF_CUBLAS = RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
MEMORY_UNKNOWN = RuntimeError(
    'NVML_SUCCESS == r INTERNAL ASSERT FAILED at "/pytorch/c10/cuda/CUDACachingAllocator.cpp":1131, please report a '
    "bug to PyTorch. "
)
NO_KERNEL = torch.AcceleratorError(
    f"CUDA error: no kernel image is available for execution on the device{HOW_TO_DEBUG}"
)
BUSY = torch.AcceleratorError(f"CUDA error: CUDA-capable device(s) is/are busy or unavailable{HOW_TO_DEBUG}")
ECC = torch.AcceleratorError(f"CUDA error: uncorrectable ECC error encountered{HOW_TO_DEBUG}")
STICKY = torch.AcceleratorError(f"CUDA error: an illegal memory access was encountered{HOW_TO_DEBUG}")

START_FAILURES = {
    "no driver": (NO_DRIVER, "Found no NVIDIA driver", "Install the GPU's driver"),
    "old driver": (OLD_DRIVER, "driver on your system is too old", "a newer one"),
    "other driver": (OTHER_DRIVER, "forward compatibility", "a newer one"),
    "no GPU": (NO_GPU, "No CUDA GPUs are available", "--set-resources train_ddae:gpu=1"),
    "started late": (STARTED_LATE, "CUDA call failed lazily", "nvidia-smi"),
    "broken torch": (AssertionError("libcudart functions unavailable."), "libcudart", "nvidia-smi"),
    "busy": (BUSY, "busy or unavailable", "Another program has the GPU to itself"),
}
ONE_AT_ONCE = "--profile profiles/gpu, or --set-resources train_ddae:gpu=1"
FAILURES = {
    "memory": (MEMORY, "Tried to allocate 20.00 MiB", ONE_AT_ONCE),
    "memory of the context": (MEMORY_OF_CONTEXT, "out of memory", ONE_AT_ONCE),
    "memory of cuBLAS": (MEMORY_OF_CUBLAS, "CUBLAS_STATUS_ALLOC_FAILED", ONE_AT_ONCE),
    "memory unknown": (MEMORY_UNKNOWN, "NVML_SUCCESS", ONE_AT_ONCE),
    "no kernel": (NO_KERNEL, "no kernel image", "Install a torch that supports this GPU"),
    "busy": (BUSY, "busy or unavailable", "Another program has the GPU to itself"),
    "ECC": (ECC, "uncorrectable ECC error", "nvidia-smi"),
    "other words": (torch.AcceleratorError("the device is lost"), "the device is lost", "nvidia-smi"),
    "sticky": (STICKY, "illegal memory access", "nvidia-smi"),
}
OTHERS = {
    "shapes": RuntimeError("mat1 and mat2 shapes cannot be multiplied (16x128 and 64x128)"),
    "two devices": RuntimeError(
        "Expected all tensors to be on the same device, but found at least two, cuda:0 and cpu!"
    ),
    "not deterministic": RuntimeError(
        "Deterministic behavior was enabled with either `torch.use_deterministic_algorithms(True)` or ..., but this "
        "operation is not deterministic because it uses CuBLAS and you have CUDA >= 10.2."
    ),
    "memory of the CPU": RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    "index": torch.AcceleratorError(f"CUDA error: device-side assert triggered{HOW_TO_DEBUG}"),
    "no RuntimeError": ValueError("CUDA error"),
    "user": UserError("CUDA error"),
    "interrupted": KeyboardInterrupt(),
}


def raises(error: BaseException) -> Callable[..., None]:
    def call(*_args: object, **_keywords: object) -> None:
        raise error

    return call


def fallen(error: Exception) -> Callable[[torch.device], str]:
    """Work that fails on a GPU."""

    def work(device: torch.device) -> str:
        if device.type == "cuda":
            raise error
        return "done"

    return work


@pytest.fixture
def gpu(monkeypatch) -> pytest.MonkeyPatch:
    """Makes torch believe that there is a GPU, half a GiB of whose 8 is free."""
    for variable in ("CUDA_VISIBLE_DEVICES", "CUBLAS_WORKSPACE_CONFIG"):
        monkeypatch.setenv(variable, "")  # so that it is put back
        monkeypatch.delenv(variable)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: NAME)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda *_: (2**29, 2**33))
    return monkeypatch


@pytest.fixture
def tf32_allowed(gpu) -> Iterator[None]:
    """As the variable TORCH_ALLOW_TF32_CUBLAS_OVERRIDE does."""
    matmul = torch.backends.cuda.matmul
    before, matmul.allow_tf32 = matmul.allow_tf32, True
    yield
    matmul.allow_tf32 = before


@pytest.fixture
def log(caplog) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def warnings_of(log: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in log.records if record.levelno >= logging.WARNING]


# --- the choice ---


@pytest.mark.parametrize(
    ("wanted", "device", "named"), [("auto", "cuda", NAME), ("cpu", "cpu", "CPU"), ("cuda", "cuda", NAME)]
)
def test_the_device_is_chosen_and_logged(gpu, log, wanted, device, named):
    seen = []
    result, used = on_device(wanted, lambda device: seen.append(device.type) or "done")
    assert (result, used.type, seen) == ("done", device, [device])
    assert log.messages == [f"ddae.device: {wanted} -> training on {named} (torch {torch.__version__})"]


def test_on_the_cpu_cuda_is_not_called_and_nothing_is_set(gpu, tf32_allowed, log):
    for name in ("init", "is_available", "get_device_name", "mem_get_info"):
        gpu.setattr(torch.cuda, name, raises(AssertionError("called")))

    def state(_device: torch.device) -> tuple:
        tf32 = torch.backends.cuda.matmul.allow_tf32
        return torch.get_deterministic_debug_mode(), tf32, os.environ.get("CUBLAS_WORKSPACE_CONFIG")

    assert on_device("cpu", state)[0] == (0, True, None)
    assert not warnings_of(log)


def test_torch_without_cuda_trains_on_the_cpu_and_says_why(gpu, log):
    gpu.setattr(torch.version, "cuda", None)
    gpu.setattr(torch.cuda, "init", raises(AssertionError("called")))
    assert on_device("auto", lambda device: device.type) == ("cpu", CPU)
    assert f"torch {torch.__version__} is built without CUDA" in warnings_of(log)[0]
    assert "auto -> training on CPU" in log.messages[-1]


def test_torch_without_cuda_is_an_error_for_cuda(gpu):
    gpu.setattr(torch.version, "cuda", None)
    with pytest.raises(
        UserError, match=r"ddae\.device is cuda.*built without CUDA\. Install a torch.*ddae\.device: auto"
    ):
        on_device("cuda", lambda device: pytest.fail("it ran"))


@pytest.mark.skipif(torch.version.cuda is not None, reason="this torch is built for CUDA")
def test_this_torch_without_cuda_needs_no_pretence():
    assert on_device("auto", lambda device: device.type) == ("cpu", CPU)
    with pytest.raises(UserError, match=r"built without CUDA"):
        on_device("cuda", lambda device: device.type)


def test_gpus_of_amd_are_used_as_well(gpu):
    gpu.setattr(torch.version, "cuda", None)
    gpu.setattr(torch.version, "hip", "7.0")
    assert on_device("auto", lambda device: device.type)[0] == "cuda"


# --- a GPU that can't be used ---


@pytest.mark.parametrize("function", ["init", "get_device_name"])
@pytest.mark.parametrize(("error", "reason", "remedy"), START_FAILURES.values(), ids=START_FAILURES)
def test_where_cuda_does_not_start_the_cpu_trains_and_the_log_says_why(gpu, log, function, error, reason, remedy):
    gpu.setattr(torch.cuda, function, raises(error))
    assert on_device("auto", lambda device: device.type) == ("cpu", CPU)
    assert [reason in warning for warning in warnings_of(log)] == [True]
    assert log.messages[-1] == f"ddae.device: auto -> training on CPU (torch {torch.__version__})"
    assert NAME not in log.text


@pytest.mark.parametrize(("error", "reason", "remedy"), START_FAILURES.values(), ids=START_FAILURES)
def test_where_cuda_does_not_start_cuda_is_an_error_with_what_to_do(gpu, error, reason, remedy):
    gpu.setattr(torch.cuda, "init", raises(error))
    with pytest.raises(UserError) as caught:
        on_device("cuda", lambda device: pytest.fail("it ran"))
    message = str(caught.value)
    assert message.startswith("ddae.device is cuda")
    assert reason in message
    assert remedy in message
    assert "ddae.device: auto" in message
    assert "\n" not in message


@pytest.mark.parametrize("value", ["", "-1", "NoDevFiles"])
def test_gpus_that_are_hidden_are_named(gpu, log, value):
    gpu.setenv("CUDA_VISIBLE_DEVICES", value)
    gpu.setattr(torch.cuda, "init", raises(NO_GPU))
    on_device("auto", lambda device: device.type)
    assert f"CUDA_VISIBLE_DEVICES is {value!r}" in warnings_of(log)[0]
    with pytest.raises(UserError, match=f"CUDA_VISIBLE_DEVICES is {value!r}.*Set CUDA_VISIBLE_DEVICES to the number"):
        on_device("cuda", lambda device: device.type)


def test_errors_of_the_program_at_the_start_are_raised(gpu):
    gpu.setattr(torch.cuda, "init", raises(TypeError("a bug")))
    with pytest.raises(TypeError, match="a bug"):
        on_device("auto", lambda device: device.type)


# --- a GPU that fails ---


@pytest.mark.parametrize(("error", "reason", "remedy"), FAILURES.values(), ids=FAILURES)
def test_where_the_gpu_fails_the_cpu_trains_and_the_log_says_why(gpu, log, error, reason, remedy):
    assert is_gpu_failure(error)
    assert on_device("auto", fallen(error)) == ("done", CPU)
    (warning,) = warnings_of(log)
    assert f"{NAME} failed: " in warning
    assert reason in warning
    assert "0.5 of 8.0 GiB of its memory are free" in warning
    assert "CUDA_LAUNCH_BLOCKING" not in warning
    assert "PYTORCH_ALLOC_CONF" not in warning
    assert [f"-> training on {name}" in log.text for name in (NAME, "CPU")] == [True, True]


@pytest.mark.parametrize(("error", "reason", "remedy"), FAILURES.values(), ids=FAILURES)
def test_where_the_gpu_fails_cuda_is_an_error_with_what_to_do(gpu, error, reason, remedy):
    with pytest.raises(UserError) as caught:
        on_device("cuda", fallen(error))
    message = str(caught.value)
    for part in ("ddae.device is cuda", NAME, reason, "0.5 of 8.0 GiB", remedy, "CUDA_VISIBLE_DEVICES", "device: auto"):
        assert part in message
    assert "\n" not in message


@pytest.mark.parametrize("wanted", ["auto", "cuda"])
def test_a_gpu_that_no_longer_answers_is_not_asked_for_its_memory(gpu, log, wanted):
    gpu.setattr(torch.cuda, "mem_get_info", raises(STICKY))
    if wanted == "auto":
        assert on_device("auto", fallen(ECC)) == ("done", CPU)
        assert "ECC" in warnings_of(log)[0]
    else:
        with pytest.raises(UserError, match=r"uncorrectable ECC error encountered\. See"):
            on_device("cuda", fallen(ECC))


@pytest.mark.parametrize("wanted", ["auto", "cuda"])
@pytest.mark.parametrize("error", OTHERS.values(), ids=OTHERS)
def test_other_errors_are_not_swallowed(gpu, log, wanted, error):
    assert not is_gpu_failure(error)
    with pytest.raises(type(error)) as caught:
        on_device(wanted, fallen(error))
    assert caught.value is error
    assert not warnings_of(log)


@pytest.mark.parametrize("error", [MEMORY, *OTHERS.values()])
def test_errors_on_the_cpu_are_never_those_of_a_gpu(gpu, error):
    calls = []

    def work(device: torch.device) -> None:
        calls.append(device.type)
        raise error

    with pytest.raises(type(error)) as caught:
        on_device("cpu", work)
    assert caught.value is error
    assert calls == ["cpu"]


def test_the_gpus_memory_is_given_back_before_the_cpu_trains(gpu):
    kept = []

    def work(device: torch.device) -> bool:
        if device.type == "cpu":
            return kept[0]() is None
        tensor = torch.zeros(3)
        kept.append(weakref.ref(tensor))
        raise torch.OutOfMemoryError("CUDA out of memory.")

    assert on_device("auto", work) == (True, CPU)


# --- the same numbers each time ---


def state_of_torch(_device: torch.device | None = None) -> tuple[int, bool]:
    return torch.get_deterministic_debug_mode(), torch.backends.cuda.matmul.allow_tf32


def test_on_a_gpu_only_reproducible_operations_in_full_precision_are_allowed(tf32_allowed):
    assert on_device("cuda", state_of_torch)[0] == (2, False)
    assert state_of_torch() == (0, True)


@pytest.mark.parametrize("error", [MEMORY, OTHERS["shapes"]])
def test_after_a_failure_torch_is_set_as_it_was(tf32_allowed, error):
    states = []

    def work(device: torch.device) -> None:
        states.append(state_of_torch())
        if device.type == "cuda":
            raise error

    if error is MEMORY:
        on_device("auto", work)
    else:
        with pytest.raises(RuntimeError, match="shapes"):
            on_device("auto", work)
    assert [*states, state_of_torch()] == [(2, False)] + [(0, True)] * len(states)


@pytest.mark.parametrize(("given", "used"), [(None, ":4096:8"), (":16:8", ":16:8"), (":0:0", ":4096:8")])
def test_the_workspace_of_cublas_is_fixed_before_cuda_starts(gpu, given, used):
    if given is not None:
        gpu.setenv("CUBLAS_WORKSPACE_CONFIG", given)
    at_start = []
    gpu.setattr(torch.cuda, "init", lambda: at_start.append(os.environ.get("CUBLAS_WORKSPACE_CONFIG")))
    on_device("cuda", lambda device: None)
    assert at_start == [used]


def test_torchs_compiler_is_not_imported():
    """That takes longer than most trainings, and `torch.use_deterministic_algorithms` does it."""
    code = (
        "import sys, torch; torch.version.cuda = '13'; torch.cuda.init = torch.cuda.get_device_name = lambda: 'GPU'\n"
        "from asd.ddae.device import on_device\n"
        "print([on_device(wanted, lambda device: 'torch._inductor' in sys.modules)[0] for wanted in ('cpu', 'auto')])"
    )
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "workflow" / "scripts")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[False, False]"


# --- training that a GPU does not finish ---


def normal_clips() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(3)
    return {name: generator.normal(size=(25, 136)).astype(np.float32) for name in IDS}


def trained_on(device: torch.device) -> TrainedDDAE:
    rows = {name: np.arange(20) for name in IDS}
    return model.train_machine(normal_clips(), rows, SETTINGS, device)


def weights(trained: TrainedDDAE) -> bytes:
    parameters = [value for network in trained.networks.values() for value in network.parameters()]
    return torch.cat([value.detach().flatten() for value in parameters]).numpy().tobytes()


@pytest.fixture
def breaks(gpu) -> Callable[[Exception | None, int], list[str]]:
    """Lets the CPU train "on the GPU", until an error strikes at the start of an epoch, counted over both networks.

    After it, as after many an error of CUDA, the GPU answers with errors only.
    """
    train_network, randperm = model.train_network, torch.randperm
    epochs: list[str] = []
    where = ["cpu"]

    def train_network_anywhere(network, rows, settings, device, held_out):
        where[0] = device.type
        return train_network(network, rows, settings, CPU, held_out)

    def arrange(error: Exception | None, epoch: int = 0) -> list[str]:
        def counted(rows: int) -> torch.Tensor:
            epochs.append(where[0])
            if error is not None and epochs == ["cuda"] * epoch:
                for name in ("manual_seed_all", "manual_seed", "empty_cache", "synchronize", "mem_get_info"):
                    gpu.setattr(torch.cuda, name, raises(STICKY))
                raise error
            return randperm(rows)

        gpu.setattr(model, "train_network", train_network_anywhere)
        gpu.setattr(torch, "randperm", counted)
        return epochs

    return arrange


@pytest.mark.parametrize("error", [MEMORY, MEMORY_OF_CUBLAS, STICKY], ids=["memory", "cuBLAS", "sticky"])
@pytest.mark.parametrize("epoch", [1, EPOCHS, EPOCHS + 2])
def test_a_training_that_starts_anew_on_the_cpu_equals_one_of_the_cpu_to_the_last_bit(breaks, log, epoch, error):
    expected = trained_on(CPU)
    torch.rand(7)  # what was drawn before must not matter
    random_state = torch.get_rng_state()
    epochs = breaks(error, epoch)
    got, device = on_device("auto", trained_on)
    assert device == CPU
    assert epochs == ["cuda"] * epoch + ["cpu"] * 2 * EPOCHS
    assert weights(got) == weights(expected)
    assert got.loss == expected.loss
    assert np.array_equal(got.scaling.maximum, expected.scaling.maximum)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert str(error).partition("\n")[0][:30] in "\n".join(warnings_of(log))


@pytest.mark.parametrize("epoch", [1, EPOCHS + 2])
def test_with_cuda_a_training_that_the_gpu_does_not_finish_is_an_error(breaks, epoch):
    epochs = breaks(MEMORY, epoch)
    with pytest.raises(UserError, match=r"ddae\.device is cuda.*out of memory.*profiles/gpu.*ddae\.device: auto"):
        on_device("cuda", trained_on)
    assert epochs == ["cuda"] * epoch


def test_the_operations_of_the_training_are_reproducible_ones(breaks):
    """Those that are not raise an error, for some of them also on the CPU."""
    expected = trained_on(CPU)
    breaks(None)
    got, device = on_device("cuda", trained_on)
    assert device.type == "cuda"
    assert weights(got) == weights(expected)


# --- the script ---


def run_script(folder: Path, device: str) -> SimpleNamespace:
    """Run the script of the rule as Snakemake does; its outputs."""
    inputs, whose = [], []
    for name, features in normal_clips().items():
        inputs.append(folder / f"{name}.npy")
        clips = [ClipRecord(f"{name}/{number}.wav") for number in range(len(features))]
        whose.append({"machine": "fan", "snr": "6", "id": name, "kind": "normal"})
        write_cache(inputs[-1], inputs[-1].with_suffix(".csv"), features, clips, origin=Origin(**whose[-1]))
    output = SimpleNamespace(checkpoint=folder / "a.pt", weights=folder / "a.npz", loss=folder / "a.csv")
    settings = {"machine": "fan", "ids": list(IDS), "reference_snr": "6", "protocol": "strict", "share": 80}
    settings |= {"noise_factor": 0.7, "seed": 7, "epochs": EPOCHS, "batch_size": 16, "learning_rate": 1e-3}
    settings |= {"encoder_widths": dict(WIDTHS), "activation": "relu"}
    own = {"machine": "fan", "noise_factor": "0.7", "seed": "7", "protocol": "strict"}
    origins = {"own": [own], "reference": whose}
    params = SimpleNamespace(settings={**settings, "device": device}, origins=origins, code="code")
    files = SimpleNamespace(normal=inputs, normal_clips=[path.with_suffix(".csv") for path in inputs])
    job = SimpleNamespace(input=files, output=output, params=params, threads=1, log=[folder / "job.log"])
    runpy.run_path(str(REPOSITORY / "workflow/scripts/train_ddae.py"), init_globals={"snakemake": job})
    return output


def device_of(checkpoint: Path) -> str:
    """Where a checkpoint says that it was trained."""
    return torch.load(checkpoint, weights_only=True)["configuration"]["device"]


def folder_of(path: Path) -> Path:
    path.mkdir()
    return path


def test_the_checkpoint_says_on_which_device_it_was_trained(breaks, tmp_path):
    breaks(None)
    for wanted, used in [("cpu", "cpu"), ("cuda", "cuda"), ("auto", "cuda")]:
        output = run_script(folder_of(tmp_path / wanted), wanted)
        assert device_of(output.checkpoint) == used


def test_files_of_a_training_that_started_anew_are_those_of_the_cpu(breaks, tmp_path):
    expected = run_script(folder_of(tmp_path / "cpu"), "cpu")
    breaks(MEMORY, EPOCHS + 2)
    got = run_script(folder_of(tmp_path / "auto"), "auto")
    for name in ("checkpoint", "weights", "loss"):
        assert getattr(got, name).read_bytes() == getattr(expected, name).read_bytes(), name
    assert device_of(got.checkpoint) == "cpu"
    log = (tmp_path / "auto" / "job.log").read_text(encoding="utf-8")
    assert log.index(f"training on {NAME}") < log.index("WARNING ddae.device") < log.index("training on CPU")
    assert "Traceback" not in log


def test_with_cuda_the_job_ends_with_a_message_and_no_traceback(breaks, tmp_path, capsys):
    breaks(MEMORY, 2)
    with pytest.raises(SystemExit) as caught:
        run_script(tmp_path, "cuda")
    assert caught.value.code == 1
    terminal, log = capsys.readouterr().err, (tmp_path / "job.log").read_text(encoding="utf-8")
    assert "Error: ddae.device is cuda, but no GPU can train: Imaginary GPU 9000 failed: CUDA out of memory" in terminal
    assert f"{USER_ERROR}ddae.device is cuda" in log
    assert "Traceback" not in terminal + log
    assert not list(tmp_path.glob("a.*"))


# --- with a GPU ---

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here")


@needs_gpu
def test_the_same_seed_gives_the_same_weights_on_a_gpu():
    (first, device), (second, _) = (on_device("cuda", trained_on) for _ in range(2))
    assert device.type == "cuda"
    assert weights(first) == weights(second)
    assert first.loss == second.loss


@needs_gpu
def test_a_gpu_and_the_cpu_agree():
    (gpu, _), (cpu, _) = (on_device(wanted, trained_on) for wanted in ("cuda", "cpu"))
    for name, curve in cpu.loss.items():
        assert gpu.loss[name].training == pytest.approx(curve.training, rel=1e-4)
        for ours, theirs in zip(gpu.networks[name].parameters(), cpu.networks[name].parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


@needs_gpu
def test_memory_that_a_gpu_does_not_have_lets_the_cpu_train(log):
    def work(device: torch.device) -> TrainedDDAE:
        if device.type == "cuda":
            torch.empty(2**50, dtype=torch.uint8, device=device)
        return trained_on(device)

    got, device = on_device("auto", work)
    assert device == CPU
    assert weights(got) == weights(trained_on(CPU))
    assert "out of memory" in warnings_of(log)[0]
