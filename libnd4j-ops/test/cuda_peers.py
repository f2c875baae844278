"""Puts peers beside the figures of cuda_benchmark: torchvision's deform_conv2d and cuDNN's plain
convolution, on the same device and shapes, with the same TF32 setting, in the same run; for attention
and DCNv3, PyTorch's grid_sample and a sum, as their authors' code without an extension has it.

    cuda_peers.py CSV    reads cuda_benchmark's output, prints a Markdown table

Needs torch and torchvision with CUDA; without them the table has our figures alone.
"""

import csv
import statistics
import sys

ROUNDS = 15


def read(path):
    """The device's name, its ceilings, our rows of convolutions and of other ops."""
    name, ceilings, rows, others = "", {}, [], []
    with open(path, newline="") as file:
        for line in csv.reader(file):
            if line[0] == "device":
                name = line[1]
            elif line[0] == "ceiling":
                ceilings[line[1]] = (float(line[2]), line[3])
            elif line[0] == "dcn4j":
                rows.append(tuple(map(int, line[1:6])) + (line[6], line[7], float(line[8])))
            elif line[0] == "sampling":
                others.append((line[1], line[2], line[3], float(line[4])))
    return name, ceilings, rows, others


def load_peers():
    """torch and torchvision, or None where they or their device are missing."""
    try:
        import torch
        import torchvision
    except ImportError:
        return None
    return (torch, torchvision) if torch.cuda.is_available() else None


def milliseconds(torch, action):
    """The median time of an action between CUDA events."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    for _ in range(3):
        action()
    times = []
    for _ in range(ROUNDS):
        begin.record()
        action()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return statistics.median(times)


def both_passes(torch, forward, leaves, gradient):
    """The times of a function and of its gradients."""
    y = forward()

    def backward():
        torch.autograd.grad(y, leaves, gradient, retain_graph=True)

    with torch.no_grad():
        ahead = milliseconds(torch, forward)
    return {"forward": ahead, "backward": milliseconds(torch, backward)}


def measure_peers(peers, c, size, o, groups, n, kind):
    """Forward and backward of torchvision's deformable and cuDNN's plain convolution."""
    torch, torchvision = peers
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = kind == "tf32"
    torch.backends.cudnn.benchmark = True
    kwargs = {"device": "cuda", "dtype": torch.float16 if kind == "half" else torch.float32}

    def leaf(*shape):
        return torch.rand(*shape, **kwargs).requires_grad_()

    x, w, b = leaf(n, c, size, size), leaf(o, c, 3, 3), leaf(o)
    offset = (4 * torch.rand(n, 18 * groups, size, size, **kwargs) - 2).requires_grad_()
    mask = leaf(n, 9 * groups, size, size)
    gradient = torch.rand(n, o, size, size, **kwargs)

    def times(forward, leaves):
        return both_passes(torch, forward, leaves, gradient)

    deform = torchvision.ops.deform_conv2d
    return (
        times(lambda: deform(x, offset, w, b, padding=1, mask=mask), (x, offset, mask, w, b)),
        times(lambda: torch.nn.functional.conv2d(x, w, b, padding=1), (x, w, b)),
    )


# images, groups, channels of a group, queries, taps, sizes of the levels
SAMPLED = {"attention": (2, 8, 32, 5440, 4, (64, 32, 16, 8)), "dcnv3": (8, 4, 16, 56 * 56, 9, (56,))}


def measure_composition(torch, name, kind):
    """grid_sample for each level, and the weighted sum over levels and taps."""
    n, groups, channels, queries, taps, sizes = SAMPLED[name]
    kwargs = {"device": "cuda", "dtype": torch.float16 if kind == "half" else torch.float32}
    values = [torch.rand(n * groups, channels, s, s, **kwargs).requires_grad_() for s in sizes]
    grids = [(2 * torch.rand(n * groups, queries, taps, 2, **kwargs) - 1).requires_grad_()
             for _ in sizes]
    weights = torch.rand(n * groups, 1, queries, len(sizes) * taps, **kwargs).requires_grad_()

    def forward():
        sampled = [torch.nn.functional.grid_sample(value, grid, align_corners=False)
                   for value, grid in zip(values, grids)]
        return (torch.cat(sampled, -1) * weights).sum(-1)

    gradient = torch.rand(n * groups, channels, queries, **kwargs)
    return both_passes(torch, forward, (*values, *grids, weights), gradient)


def print_others(peers, others):
    print("\n| op | type | pass | DCN4J ms | grid_sample and sum |\n| --- | --- | --- | --- | --- |")
    measured = {}
    for name, kind, direction, ours in others:
        cell = ""
        if peers and name in SAMPLED:
            if (name, kind) not in measured:
                measured[name, kind] = measure_composition(peers[0], name, kind)
            peer = measured[name, kind][direction]
            cell = f"{peer:.3f} (×{peer / ours:.2f})"
        print(f"| {name} | {kind} | {direction} | {ours:.3f} | {cell} |", flush=True)


def floor(c, size, o, groups, n, kind, direction):
    """Operations of a plain convolution, and bytes of all arrays once."""
    element = 2 if kind == "half" else 4
    pixels = n * size * size
    passes = 1 if direction == "forward" else 2
    operations = 2 * 9 * c * o * pixels * passes
    numbers = (c + 27 * groups) * pixels + 9 * c * o
    return operations, (numbers * passes + o * pixels) * element


def main(path):
    name, ceilings, rows, others = read(path)
    print(f"{name}. Ceilings measured in this run: ", end="")
    print(", ".join(f"{key} {value:.0f} {unit}" for key, (value, unit) in ceilings.items()))
    peers = load_peers()
    if peers:
        torch, torchvision = peers
        print(f"torch {torch.__version__}, torchvision {torchvision.__version__}, "
              f"cuDNN {torch.backends.cudnn.version()}")
    else:
        print("torch and torchvision with CUDA were not found: no peers")
    print("\n| N, C, H=W, O (G) | type | pass | DCN4J ms | TFLOP/s | GB/s | torchvision | "
          "cuDNN plain |\n| --- | --- | --- | --- | --- | --- | --- | --- |")
    measured = {}
    for c, size, o, groups, n, kind, direction, ours in rows:
        key = (c, size, o, groups, n, kind)
        if peers and key not in measured:
            try:
                measured[key] = measure_peers(peers, *key)
            except RuntimeError as error:  # out of memory, say; the others go on
                print(f"{key}: {error}", file=sys.stderr)
                measured[key] = None
        operations, size_bytes = floor(*key, direction)
        cells = ["", ""]
        if measured.get(key):
            cells = [f"{peer[direction]:.3f} (×{peer[direction] / ours:.2f})"
                     for peer in measured[key]]
        print(f"| {n}, {c}, {size}, {o} ({groups}) | {kind} | {direction} | {ours:.3f} | "
              f"{operations / ours * 1e-9:.1f} | {size_bytes / ours * 1e-6:.0f} | "
              f"{cells[0]} | {cells[1]} |", flush=True)
    print_others(peers, others)


if __name__ == "__main__":
    main(sys.argv[1])
