"""What the training asks of the machine that it runs on: threads, number types, and when to keep quiet."""
import functools
import os
import tempfile
import time

import torch

LOCK = os.environ.get("SENSORIUM_QUIET_LOCK", os.path.join(tempfile.gettempdir(), "sensorium-quiet.lock"))
# bfloat16 products where the processor has them; elsewhere they are emulated and slow
HALF = torch.cpu._is_avx512_bf16_supported()
half = functools.partial(torch.autocast, "cpu", torch.bfloat16, enabled=HALF)


def settle(threads: int):
    """Threads of this process; numbers next to nothing, which are slow, count as nothing."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)


settle(int(os.environ.get("OMP_NUM_THREADS", "1")))


def wait():
    """Sleeps while someone measures."""
    while os.path.exists(LOCK):
        time.sleep(1)


class Others:
    """Processor time that everybody else's (not nice) work took since it was last asked, in cores.

    Linux only; elsewhere 0."""

    def __init__(self):
        self.last = self._read()

    def __call__(self) -> float:
        (work, at), self.last = self.last, self._read()
        return (self.last[0] - work) / max(.01, self.last[1] - at)

    def _read(self):
        """Seconds of work, and the time now."""
        try:
            with open("/proc/stat") as file:
                fields = file.readline().split()
            return (int(fields[1]) + int(fields[3])) / os.sysconf("SC_CLK_TCK"), time.time()
        except OSError:
            return 0., time.time()
