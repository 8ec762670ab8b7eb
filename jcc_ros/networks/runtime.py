"""ONNX Runtime, which runs both halves: no torch on robot or host."""

import onnxruntime

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class DeviceError(ValueError):
    """A device that this machine's ONNX Runtime does not serve; the message names the way out."""


def check_device(name: str) -> str:
    """Return the name of a device, "cpu" or "cuda", that networks can run on.

    Raises:
        DeviceError: the installed ONNX Runtime has no such device.
    """
    if name not in _PROVIDERS:
        raise DeviceError(f"device {name!r} is not supported, use one of {', '.join(_PROVIDERS)}")
    if _PROVIDERS[name] not in onnxruntime.get_available_providers():
        raise DeviceError(
            f"the installed onnxruntime {onnxruntime.__version__} runs on the CPU only: use cpu, "
            f"or install onnxruntime-gpu in its place (on a Jetson, NVIDIA's build)"
        )
    return name


def session(graph: bytes, device: str, threads: int) -> onnxruntime.InferenceSession:
    """Return a session of a serialised graph.

    Args:
        device: "cpu" or "cuda".
        threads: that share one run; 0 for one on each core.
    Raises:
        DeviceError: a device that is not there.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Waiting threads sleep: cores have other work between two runs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    provider = _PROVIDERS[check_device(device)]
    made = onnxruntime.InferenceSession(graph, options, providers=[provider])
    if provider not in made.get_providers():  # it has gone on without
        raise DeviceError(f"device {device!r} cannot be used; the log of onnxruntime says why")
    return made
