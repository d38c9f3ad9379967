"""One iteration of the library's ALS on a graphics processor, beside the same on the cores of the same machine.

    python -m benchmarks.gpu_training --size small|full

``docs/scale.md`` asks which steps would be worth a graphics processor; this is the one that the library can hand to
it, by the program's own backend ``implicit-gpu``. The pairs are as many, and as unevenly spread, as the ordinary day's.
Both sides begin with the same factors and take three steps of conjugate gradients; their losses, by the library's own
function on the processor, stand beside them. Where a part is missing it is named, and nothing is kept.

It needs requirements-gpu.txt beside the benchmarks' own (docs/backends.md). The results of before the backend was
there are of the library's own loop, which keeps the factors on the GPU.

The physical limit is the memory: for each pair a row of factors (4 bytes a number) is fetched once for the start of the
conjugate gradients and once for each step, for either side. How fast, a conversion of numbers on the GPU says.
"""

import argparse
import os
import subprocess
import time
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy import sparse
from threadpoolctl import threadpool_limits

from benchmarks.harness import FULL, SMALL, Line, Table, keep, line
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.recommenders.backends.implicit_gpu import ImplicitGpu
from recsys_tasks.steps.cuda import device_versions

SIZES = {SMALL: (100_000, 62_000, 6_000_000), FULL: (1_000_000, 620_000, 62_000_000)}
"""Listeners, tracks, pairs."""
FACTORS = (40, 64)
"""The program's own number, and one that the GPU's threads come out even with."""
ITERATIONS, STEPS, REGULARIZATION = 3, 3, 10.0
MOVED = "reckoned from what a conversion moves"
Factors = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


def main() -> None:
    """Train on both, where there are both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=(SMALL, FULL), default=SMALL)
    size = parser.parse_args().size
    try:
        device_versions()
    except ConfigError as error:
        print(f"Nothing to compare: {error}")
        return
    confidences = uneven_pairs(*SIZES[size])
    for factors in FACTORS:
        keep(table(size, confidences, factors))


def uneven_pairs(n_users: int, n_tracks: int, n_pairs: int) -> sparse.csr_matrix:
    """Confidences of about so many pairs, of which a few listeners and tracks have most. (n_users, n_tracks)."""
    rng = np.random.default_rng(1)
    users = (n_users * rng.random(n_pairs) ** 1.7).astype(np.int32)
    tracks = (n_tracks * rng.random(n_pairs) ** 2.0).astype(np.int32)
    plays = sparse.csr_matrix((np.ones(n_pairs, np.float32), (users, tracks)), shape=(n_users, n_tracks))
    plays.data = 1 + 2 * np.log1p(plays.data)
    return plays


def table(size: str, confidences: sparse.csr_matrix, factors: int) -> Table:
    """The answer for a number of factors."""
    rng = np.random.default_rng(2)
    users, tracks = confidences.shape
    of_users, of_tracks = (0.01 * rng.standard_normal((n, factors), np.float32) for n in (users, tracks))
    on_gpu, memory, whole, of_gpu = on_the_gpu(confidences, (of_users, of_tracks))
    loss = partial(loss_of, confidences)
    limit = [bytes_fetched(confidences.nnz, factors) / moved_a_second()] * ITERATIONS
    note = f"{memory:,.0f} MB on the GPU; {whole:.2f} s with the copies there and back; loss {loss(of_gpu):.6g}"
    lines = [named("implicit on the GPU", on_gpu, on_gpu, note)]
    for threads in threads_tried(factors):
        on_cpu, of_cpu = on_the_processor(confidences, (of_users, of_tracks), threads)
        lines.append(named(f"implicit in {threads} threads", on_cpu, on_gpu, f"loss {loss(of_cpu):.6g}"))
    lines.append(named("the factors' rows from the GPU's memory", limit, on_gpu, MOVED, limit=True))
    about = (
        f"One iteration (both sides, {STEPS} steps of conjugate gradients) at {confidences.nnz:,} pairs of {users:,} "
        f"listeners and {tracks:,} tracks, {factors} factors, on {device()}."
    )
    return Table(f"gpu_training-{factors}", f"Training on a GPU, {factors} factors", size, about, lines)


def threads_tried(factors: int) -> list[int]:
    """All cores; for the program's own number of factors also two of them, four, and so on: does the library scale?"""
    cores = os.cpu_count() or 1
    fewer = [1 << power for power in range(1, 10) if 1 << power < cores]
    return [*(fewer if factors == FACTORS[0] else []), cores]


def named(name: str, taken: list[float], ours: list[float], note: str, limit: bool = False) -> Line:
    """A line of seconds without the first, in which a processor wakes up."""
    return line(name, taken[1:], ours[1:], 0.0, note, limit)


def on_the_gpu(confidences: sparse.csr_matrix, start: Factors) -> tuple[list[float], float, float, Factors]:
    """Seconds of each iteration, megabytes on the GPU, seconds of all with copying and transposing, and factors."""
    begun, taken, used = time.perf_counter(), [], []
    users, tracks = (each.copy() for each in start)
    config = AlsConfig(factors=users.shape[1], regularization=REGULARIZATION)
    step, transposed = ImplicitGpu({}).half_step(config, warm=False), confidences.T.tocsr()
    for _ in range(ITERATIONS):
        before = time.perf_counter()
        step(confidences, users, tracks)
        step(transposed, tracks, users)
        taken.append(time.perf_counter() - before)
        used.append(used_megabytes())
    return taken, max(used), time.perf_counter() - begun, (users, tracks)


def on_the_processor(confidences: sparse.csr_matrix, start: Factors, threads: int) -> tuple[list[float], Factors]:
    """Seconds of each iteration, and the factors."""
    from implicit.cpu.als import AlternatingLeastSquares

    with threadpool_limits(limits=1, user_api="blas"):  # BLAS's threads and the library's would be in each other's way
        model = AlternatingLeastSquares(
            factors=start[0].shape[1], regularization=REGULARIZATION, iterations=ITERATIONS, num_threads=threads
        )
        model.user_factors, model.item_factors = (each.copy() for each in start)
        taken: list[float] = []
        model.fit(confidences, show_progress=False, callback=lambda _n, seconds, *_rest: taken.append(seconds))
    return taken, (model.user_factors, model.item_factors)


def loss_of(confidences: sparse.csr_matrix, factors: Factors) -> float:
    """The library's loss, on the processor."""
    from implicit.cpu.als import calculate_loss

    return float(calculate_loss(confidences, *factors, REGULARIZATION, num_threads=0))


def bytes_fetched(pairs: int, factors: int) -> int:
    """Bytes of factors that an iteration fetches."""
    return 2 * pairs * (1 + STEPS) * factors * 4


def moved_a_second() -> float:
    """Bytes that the GPU reads and writes in a second while it halves the length of numbers."""
    from implicit import gpu

    numbers = 1 << 30
    wide, rates = gpu.Matrix.zeros(numbers >> 6, 64), []
    for _ in range(5):
        begun = time.perf_counter()
        narrow = wide.astype("float16")
        rates.append(6 * numbers / (time.perf_counter() - begun))
        del narrow
    return max(rates)


def used_megabytes() -> float:
    """What is in use on the first GPU."""
    return float(asked("memory.used").split()[0])


def device() -> str:
    """The first GPU by its name."""
    return asked("name").strip()


def asked(field: str) -> str:
    """A field of nvidia-smi's answer about the first GPU."""
    command = ["nvidia-smi", f"--query-gpu={field}", "--format=csv,noheader,nounits", "--id=0"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
