"""Several processes that train one model, as torchrun starts them."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed.nn.functional
from torch import Tensor, distributed

from jcc_ros.training.config import ConfigError

_log = logging.getLogger(__name__)

# What the first process does alone, screen and calibrate, may take longer than torch's 10 or 30
# minutes. Where one fails, torchrun ends the others at once.
_PATIENCE = timedelta(days=7)


@contextmanager
def joined(device: torch.device) -> Iterator[tuple[int, int, torch.device]]:
    """Join the processes of this training: yield rank, number of processes, device.

    Started by hand, a process is alone: rank 0 of 1. Started by torchrun, it finds the others, by
    NCCL on GPUs (one each) and by Gloo on CPUs.

    Raises:
        ConfigError: more processes than GPUs.
    """
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes > 1 and not distributed.is_torchelastic_launched():
        _log.warning(
            "WORLD_SIZE is %d, but torchrun did not start this process: it trains alone", processes
        )
        processes = 1
    if processes == 1:
        yield 0, 1, device
        return
    if device.type == "cuda":
        here, gpus = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
        if here > gpus:
            raise ConfigError(
                f"{here} processes, but torch finds {gpus} CUDA devices here: give torchrun "
                f"--nproc-per-node {gpus}, or train with --device cpu"
            )
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    # DistributedDataParallel imports torch.distributed.nn.functional, whose defaults keep the group
    # there is: imported above there is none, so that the group's threads end with it.
    backend = "nccl" if device.type == "cuda" else "gloo"
    own = device if backend == "nccl" else None
    distributed.init_process_group(backend, timeout=_PATIENCE, device_id=own)
    ended = False
    try:
        yield distributed.get_rank(), processes, device
        # Whoever leaves early would take down what the others still talk to.
        distributed.barrier()
        ended = True
    finally:
        # NCCL's teardown waits for all, and whoever fails alone would wait without end.
        if ended or backend == "gloo":
            distributed.destroy_process_group()


def summed(values: Tensor) -> Tensor:
    """Add up, in place, the values of all processes of this training, which ask together."""
    if distributed.is_initialized():
        distributed.all_reduce(values)
    return values
