"""Where the DDAE trains: on a CUDA GPU if that works, and what happens if it does not."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar

import torch

from ..errors import UserError

logger = logging.getLogger(__name__)

Device = Literal["auto", "cpu", "cuda"]
Result = TypeVar("Result")

_CPU = torch.device("cpu")
_GPU = torch.device("cuda")

_FAILURE = re.compile(
    r"CUDA error|CUDA driver error|CUDA out of memory|CUBLAS_STATUS_|HIP error|HIP out of memory|CUDACachingAllocator"
)
"""In errors that torch raises as a plain RuntimeError.  The last one stands where the memory is used up and the driver
does not say how much there is."""

_REMEDIES = {
    r"built without CUDA": "Install a torch that is built for CUDA (https://pytorch.org/get-started/locally)",
    r"No CUDA GPUs": "Set CUDA_VISIBLE_DEVICES to the number of a GPU or leave it unset; on a cluster, ask for a GPU: "
    "--set-resources train_ddae:gpu=1",
    r"out of memory|CUBLAS_STATUS_ALLOC_FAILED|CUBLAS_STATUS_NOT_INITIALIZED|CUDACachingAllocator": "Run one training "
    "at once on this GPU (--profile profiles/gpu, or --set-resources train_ddae:gpu=1), or choose another GPU by "
    "CUDA_VISIBLE_DEVICES",
    r"busy or unavailable": "Another program has the GPU to itself: wait for it, run one training at once "
    "(--profile profiles/gpu, or --set-resources train_ddae:gpu=1), or choose another GPU by CUDA_VISIBLE_DEVICES",
    r"no kernel image": "Install a torch that supports this GPU, or choose another GPU by CUDA_VISIBLE_DEVICES",
    r"driver|unsupported toolchain|forward compatibility": "Install the GPU's driver, a newer one if there is one, and "
    "restart the computer if it was installed just now",
}
_OTHER_REMEDY = "See what nvidia-smi says of the GPU, or choose another one by CUDA_VISIBLE_DEVICES"


class _GpuFailure(Exception):
    """A GPU that can't be used, or no longer; the message is the reason."""


def on_device(wanted: Device, work: Callable[[torch.device], Result]) -> tuple[Result, torch.device]:
    """What `work` returns, and the device it did all of it on.

    With ``"auto"``, work that a GPU does not do or not finish is done from its beginning on the CPU.  So `work` has to
    seed its random numbers itself.

    Parameters
    ----------
    work
        Takes the device.  It leaves nothing on a GPU and waits until the GPU is done, so that its errors show.

    Raises
    ------
    UserError
        If ``"cuda"`` is wanted and there is no GPU, or it fails.
    Exception
        What `work` raises, unless a GPU is to blame (`is_gpu_failure`).
    """
    if wanted != "cpu":
        try:
            return _on_gpu(wanted, work), _GPU
        except _GpuFailure as failure:
            if wanted == "cuda":
                raise UserError(_advice(str(failure))) from failure
            logger.warning("ddae.device: auto -> the CPU does the whole training, since no GPU can: %s", str(failure))
    # only here is the error gone, and with it all that it keeps in the GPU's memory
    _tell(wanted, "CPU")
    return work(_CPU), _CPU


def is_gpu_failure(error: BaseException) -> bool:
    """Whether the GPU, its memory or its driver is to blame for an error, rather than this program."""
    happened = _first_line(error)
    if not isinstance(error, RuntimeError) or "device-side assert triggered" in happened:  # such as an index too large
        return False
    return isinstance(error, torch.OutOfMemoryError | torch.AcceleratorError) or bool(_FAILURE.search(happened))


def _on_gpu(wanted: Device, work: Callable[[torch.device], Result]) -> Result:
    """What `work` returns on the GPU.

    Raises
    ------
    _GpuFailure
        If there is no usable GPU, or it fails.
    """
    with _reproducible():
        name = _start_gpu()
        _tell(wanted, name)
        try:
            return work(_GPU)
        except Exception as error:
            if not is_gpu_failure(error):
                raise
            raise _GpuFailure(f"{name} failed: {_reason(error)}{_free_memory()}") from error


def _start_gpu() -> str:
    """Make torch start CUDA; the name of the GPU.

    Raises
    ------
    _GpuFailure
        If there is no GPU that torch can use.
    """
    if torch.version.cuda is None and torch.version.hip is None:  # hip: AMD's GPUs, which torch also calls cuda
        raise _GpuFailure(f"torch {torch.__version__} is built without CUDA")
    try:
        # torch.cuda.is_available() would not say why
        torch.cuda.init()  # type: ignore[no-untyped-call]
        return torch.cuda.get_device_name()
    except (RuntimeError, AssertionError, torch.cuda.DeferredCudaCallError) as error:
        raise _GpuFailure(_reason(error)) from error


@contextmanager
def _reproducible() -> Iterator[None]:
    """The same numbers from the same GPU each time, as exact as float32 is; afterwards all is set as it was."""
    # cuBLAS adds up in a fixed order if its workspace has a fixed size; torch wants one of these two, and they must be
    # known before CUDA starts
    if os.environ.get("CUBLAS_WORKSPACE_CONFIG") not in (":4096:8", ":16:8"):
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    tf32, mode = torch.backends.cuda.matmul.allow_tf32, torch.get_deterministic_debug_mode()
    torch.backends.cuda.matmul.allow_tf32 = False  # the default, unless TORCH_ALLOW_TF32_CUBLAS_OVERRIDE is set
    # an operation that is not reproducible is an error; use_deterministic_algorithms would import torch's compiler
    torch.set_deterministic_debug_mode("error")
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.set_deterministic_debug_mode(mode)


def _tell(wanted: Device, name: str) -> None:
    logger.info("ddae.device: %s -> training on %s (torch %s)", wanted, name, torch.__version__)


def _first_line(error: BaseException) -> str:
    """What happened; below it torch tells how to debug CUDA programs."""
    return str(error).partition("\n")[0]


def _reason(error: BaseException) -> str:
    reason = _first_line(error).partition(" If reserved but unallocated")[0].rstrip(". ")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if "No CUDA GPUs" in reason and visible is not None:
        reason += f" (CUDA_VISIBLE_DEVICES is {visible!r})"
    return reason or type(error).__name__


def _free_memory() -> str:
    """How much of the GPU's memory is free, if the GPU still answers."""
    try:
        free, total = torch.cuda.mem_get_info()
    except (RuntimeError, AssertionError, torch.cuda.DeferredCudaCallError):
        return ""
    return f" ({free / 2**30:.1f} of {total / 2**30:.1f} GiB of its memory are free)"


def _advice(reason: str) -> str:
    remedy = next((remedy for sign, remedy in _REMEDIES.items() if re.search(sign, reason)), _OTHER_REMEDY)
    return (
        f"ddae.device is cuda, but no GPU can train: {reason}. {remedy}. Or set ddae.device: auto, which trains on the "
        "CPU where no GPU can."
    )
