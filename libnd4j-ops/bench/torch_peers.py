"""Our kernels beside PyTorch's on the CPU: a plain convolution (oneDNN's), torchvision's
deform_conv2d, dense and depth-wise, and multi-scale deformable attention as grid_sample composes
it. Needs torch, torchvision and a build with -DDCN4J_BUILD_BENCHMARKS=ON:

    python3 libnd4j-ops/bench/torch_peers.py BUILD [--threads 2] [--rounds 3] [--only WORD]

Contenders take turns; a time is the least of the rounds, in milliseconds, of FLOAT. A backward pass
gives all gradients. PyTorch gets memory for each result: it is kept for the next one's, as ours is
that a caller gives, so that no peer waits for an operating system's pages (of 8 MB, on 2 threads:
half as long again as the convolution).
"""

import argparse
import ctypes
import json
import os
import subprocess
import time

import torch
import torchvision


def deformable_convolution(batch, channels, size, outputs, offset_groups, groups=1):
    """torchvision's op with 3 x 3 taps, stride 1, padding 1 and a mask; normal offsets."""
    tensors = [
        torch.randn(batch, channels, size, size),
        torch.randn(batch, 18 * offset_groups, size, size),
        torch.randn(outputs, channels // groups, 3, 3),
        torch.randn(batch, 9 * offset_groups, size, size),
    ]

    def forward(image, offset, weight, mask):
        return torchvision.ops.deform_conv2d(image, offset, weight, padding=1, mask=mask)

    return forward, tensors


def convolution(batch, channels, size, outputs):
    """PyTorch's plain convolution with 3 x 3 taps, stride 1, padding 1 and a bias."""
    tensors = [
        torch.randn(batch, channels, size, size),
        torch.randn(outputs, channels, 3, 3),
        torch.randn(outputs),
    ]

    def forward(image, weight, bias):
        return torch.nn.functional.conv2d(image, weight, bias, padding=1)

    return forward, tensors


def attention(batch, heads, channels, size, queries, points=4, levels=4):
    """Deformable DETR's attention (arXiv 2010.04159, equation 3): a grid_sample for each level,
    weighted and summed. Locations are anywhere in the image."""
    sides = [size >> level for level in range(levels)]
    pixels = sum(side * side for side in sides)
    tensors = [
        torch.randn(batch, pixels, heads, channels),
        torch.rand(batch, queries, heads, levels, points, 2),
        torch.rand(batch, queries, heads, levels, points),
    ]

    def forward(value, location, weight):
        planes = value.permute(0, 2, 3, 1).flatten(0, 1)  # [batch * heads, channels, pixels]
        grid = (2 * location - 1).transpose(1, 2).flatten(0, 1)
        samples = []
        first = 0
        for level, side in enumerate(sides):
            plane = planes[:, :, first : first + side * side].unflatten(2, (side, side))
            first += side * side
            samples.append(
                torch.nn.functional.grid_sample(plane, grid[:, :, level], align_corners=False)
            )
        weights = weight.transpose(1, 2).flatten(0, 1).flatten(2).unsqueeze(1)
        total = (torch.cat(samples, dim=-1) * weights).sum(-1)  # [batch * heads, channels, queries]
        return total.unflatten(0, (batch, heads)).permute(0, 3, 1, 2)

    return forward, tensors


def dense(batch, channels, size, outputs, offset_groups):
    """A plain convolution, and torchvision's deformable one of the same shape."""
    return {
        "plain": convolution(batch, channels, size, outputs),
        "deform_conv2d": deformable_convolution(batch, channels, size, outputs, offset_groups),
    }


# kernel_benchmark's name of a shape, and what PyTorch computes beside it.
CASES = {
    "2x64x128x128:64": lambda: dense(2, 64, 128, 64, 2),
    "1x256x64x64:256": lambda: dense(1, 256, 64, 256, 1),
    "1x512x32x32:512": lambda: dense(1, 512, 32, 512, 1),
    "8x64x56x56:64": lambda: dense(8, 64, 56, 64, 1),
    "1x256x64x64:256:depthwise": lambda: {
        "deform_conv2d": deformable_convolution(1, 256, 64, 256, 1, groups=256)
    },
    "attention/2x8x32:64": lambda: {"grid_sample": attention(2, 8, 32, 64, 5440)},
}


# Parameters of the C library's mallopt (malloc.h).
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def keep_memory():
    """Has the C library keep what is freed, however large."""
    mallopt = ctypes.CDLL(None).mallopt
    if not (mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, 2**31 - 1)):
        raise OSError("mallopt: the C library does not take these parameters")


def milliseconds(action, least=0.2):
    """The least time of a call, over so many seconds and two calls."""
    best, end, calls = float("inf"), time.perf_counter() + least, 0
    while calls < 2 or time.perf_counter() < end:
        start = time.perf_counter()
        action()
        best = min(best, time.perf_counter() - start)
        calls += 1
    return 1e3 * best


def passes(forward, tensors):
    """The forward and the backward call of a peer."""
    for tensor in tensors:
        tensor.requires_grad_()
    out = forward(*tensors)
    gradient = torch.randn_like(out)

    def without_gradients():
        with torch.no_grad():
            forward(*tensors)

    def backward():
        torch.autograd.grad(out, tensors, gradient, retain_graph=True)

    return {"forward": without_gradients, "backward": backward}


def kernel_benchmark(build, threads, *arguments):
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
    command = [os.path.join(build, "bench", "kernel_benchmark"), *arguments]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def ours(build, threads, name):
    """The least milliseconds of a call of the benchmark of that name."""
    report = kernel_benchmark(
        build,
        threads,
        f"--benchmark_filter=^{name}$",
        "--benchmark_format=json",
        "--benchmark_min_time=0.1",
        "--benchmark_repetitions=3",
    )
    times = json.loads(report)["benchmarks"]
    return 1e3 * min(t["least"] for t in times if t["run_type"] == "iteration")


def name_of(tests, direction, case):
    """The benchmark of the fastest kernel, which is listed first."""
    prefix = f"aggregation/{direction}/{case}/" if "/" in case else f"{direction}/{case}/"
    return next(test for test in tests if test.startswith(prefix))


def fma_peak(build, threads):
    """GFLOP/s."""
    peers = os.path.join(build, "bench", "native_peers")
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
    answer = subprocess.run(
        [peers], input="fma\n", env=environment, check=True, capture_output=True, text=True
    )
    return float(answer.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("build", help="folder that CMake built in")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="part of the cases' names")
    args = parser.parse_args()

    keep_memory()
    torch.manual_seed(1)
    torch.set_num_threads(args.threads)
    tests = kernel_benchmark(args.build, 1, "--benchmark_list_tests").splitlines()
    cases = [case for case in CASES if args.only in case]
    peers = {
        case: {peer: passes(*made) for peer, made in CASES[case]().items()} for case in cases
    }
    best, peak = {}, 0.0
    for _ in range(args.rounds):
        peak = max(peak, fma_peak(args.build, args.threads))
        for case in cases:
            for direction in ("forward", "backward"):
                times = {"ours": ours(args.build, args.threads, name_of(tests, direction, case))}
                for peer, calls in peers[case].items():
                    times[peer] = milliseconds(calls[direction])
                so_far = best.setdefault((case, direction), times)
                best[case, direction] = {who: min(times[who], so_far[who]) for who in times}
    kernel = name_of(tests, "forward", cases[0]).split("/")[-3]
    print(
        f"{args.threads} threads, kernel {kernel}, PyTorch {torch.__version__}, torchvision "
        f"{torchvision.__version__}, FMA peak {peak:.0f} GFLOP/s"
    )
    row = "{:26} {:9} {:14} {:>9} {:>9} {:>10} {:>10}"
    print(row.format("case", "pass", "peer", "ours", "peer", "peer/ours", "ours/peer"))
    for (case, direction), times in best.items():
        our = times.pop("ours")
        for peer, its in times.items():
            numbers = (f"{number:.2f}" for number in (our, its, its / our, our / its))
            print(row.format(case, direction, peer, *numbers))


if __name__ == "__main__":
    main()
