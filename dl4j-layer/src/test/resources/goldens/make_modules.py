"""Makes the folders `intern_image_modules` and `deformable_detr_module`: modules of DCNv3, DCNv4 and
Deformable DETR with random weights, written from their papers (arXiv 2211.05778, 2401.06197, 2010.04159)
in plain PyTorch, in float64. Bilinear samples are those of torch.nn.functional.grid_sample.

python make_modules.py, in this directory, with PyTorch 2.14.1."""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

torch.manual_seed(17)


def sample(maps, at):
    """[B, C, H, W] at positions [B, ..., 2] as (x, y) in pixels from the middle of the first: [B, C, ...]."""
    size = torch.tensor([maps.shape[3], maps.shape[2]], dtype=maps.dtype)
    grid = ((2 * at + 1) / size - 1).flatten(1, -2).unsqueeze(1)
    samples = F.grid_sample(maps, grid, padding_mode="zeros", align_corners=False)
    return samples.reshape(*maps.shape[:2], *at.shape[1:-1])


def intern_image(p, x, version, kernel, stride, pad, dilation, groups, scale, remove_centre, centre_scale):
    """x [N, H, W, C] to [N, oH, oW, O]; the weights of linear layers are [out, in]."""
    n, height, width, channels = x.shape
    value = F.linear(x, p["valueW"], p["valueB"]) if "valueW" in p else x
    features = x
    if "dwW" in p:
        features = F.conv2d(
            x.permute(0, 3, 1, 2), p["dwW"], p["dwB"], padding=p["dwW"].shape[2] // 2, groups=channels
        ).permute(0, 2, 3, 1)
    if version == 3:
        features = F.gelu(F.layer_norm(features, (channels,), p["gamma"], p["beta"], 1e-6))

    # Column by column, as (x, y), from the middle of the window.
    reach = dilation * (kernel - 1) // 2
    taps = [(i, j) for i in range(kernel) for j in range(kernel)]
    if remove_centre:
        taps.remove((kernel // 2, kernel // 2))
    taps = torch.tensor(taps, dtype=x.dtype) * dilation - reach
    k = len(taps)
    rows = torch.arange(reach - pad, height + 2 * pad - 2 * reach + reach - pad, stride)
    columns = torch.arange(reach - pad, width + 2 * pad - 2 * reach + reach - pad, stride)
    # What predicts sees the pixels under the windows' middles.
    features = features[:, rows][:, :, columns]
    predicted = F.linear(features, p["offsetW"], p["offsetB"])
    offset = predicted[..., : 2 * groups * k].unflatten(-1, (groups, k, 2))
    mask = predicted[..., 2 * groups * k :].unflatten(-1, (groups, k))
    if version == 3:
        mask = mask.softmax(-1)
    middles = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1).to(x.dtype)
    at = middles[None, :, :, None, None] + scale * (taps + offset)  # [N, oH, oW, G, K, 2]

    maps = value.unflatten(-1, (groups, -1)).permute(0, 3, 4, 1, 2).flatten(0, 1)  # [N·G, D, H, W]
    samples = sample(maps, at.permute(0, 3, 1, 2, 4, 5).flatten(0, 1))  # [N·G, D, oH, oW, K]
    sums = (samples * mask.permute(0, 3, 1, 2, 4).flatten(0, 1).unsqueeze(1)).sum(-1)
    y = sums.unflatten(0, (n, groups)).flatten(1, 2).permute(0, 2, 3, 1)
    if centre_scale:
        s = torch.sigmoid(F.linear(features, p["centerW"], p["centerB"]))
        s = s.repeat_interleave(channels // groups, -1)
        y = y * (1 - s) + value * s
    return F.linear(y, p["W"], p["b"]) if "W" in p else y


def deformable_detr(p, query, points, levels, heads, points_a_level):
    """query [N, Q, C], points [N, Q, L, 2] in 0…1, levels L times [N, D, H, W]; to [N, Q, O]."""
    shapes = [level.shape[2:] for level in levels]
    value = torch.cat([level.flatten(2).transpose(1, 2) for level in levels], 1)
    value = F.linear(value, p["valueW"], p["valueB"]).unflatten(-1, (heads, -1))  # [N, S, M, D]
    size = (heads, len(levels), points_a_level)
    offset = F.linear(query, p["offsetW"], p["offsetB"]).unflatten(-1, (*size, 2))
    weights = F.linear(query, p["attentionW"], p["attentionB"]).unflatten(-1, (heads, -1))
    weights = weights.softmax(-1).unflatten(-1, size[1:])  # [N, Q, M, L, P]
    y, start = 0, 0
    for level, (height, width) in enumerate(shapes):
        maps = value[:, start : start + height * width].permute(0, 2, 3, 1).flatten(0, 1)
        maps = maps.unflatten(-1, (height, width))  # [N·M, D, H, W]
        start += height * width
        # Offsets are in pixels of the level.
        at = points[:, :, None, level, None] * torch.tensor([width, height]) + offset[:, :, :, level] - 0.5
        samples = sample(maps, at.transpose(1, 2).flatten(0, 1))  # [N·M, D, Q, P]
        y = y + (samples * weights[:, :, :, level].transpose(1, 2).flatten(0, 1).unsqueeze(1)).sum(-1)
    y = y.unflatten(0, (-1, heads)).flatten(1, 2).transpose(1, 2)
    return F.linear(y, p["outputW"], p["outputB"])


def random(*shape, scale=1.0):
    return (scale * torch.randn(shape, dtype=torch.float64)).requires_grad_()


def quarters(*shape, count=6):
    """Numbers in the middle between multiples of a half: 0.25, -0.75, and so on. Sums of these, halves and
    little else are far from integers, where gradients of positions jump: no type's rounding gets there."""
    return torch.randint(-count // 2, count // 2, shape).double() / 2 + 0.25


def write(folder, name, inputs, params, output):
    """Inputs, parameters, output and the gradients for a random gradient of the output."""
    grad_output = torch.randn_like(output)
    tensors = {**inputs, **params}
    grads = torch.autograd.grad(output, list(tensors.values()), grad_output)
    arrays = {**tensors, "output": output, "grad_output": grad_output}
    arrays.update({"grad_" + key: grad for key, grad in zip(tensors, grads)})
    Path(folder).mkdir(exist_ok=True)
    np.savez(f"{folder}/{name}.npz", **{k: v.detach().contiguous().numpy() for k, v in arrays.items()})


def intern_image_case(name, version=3, kernel=3, stride=1, pad=1, dilation=1, groups=2, scale=1.0,
                      remove_centre=False, centre_scale=False, dw_kernel=3, projections=True):
    n, height, width, channels, outputs = 2, 6, 5, 8, 12 if projections else 8
    k = groups * (kernel * kernel - remove_centre)
    x = random(n, height, width, channels)
    offsets = torch.cat([quarters(2 * k) / scale, torch.randn(k, dtype=torch.float64)]).requires_grad_()
    p = {"offsetW": random(3 * k, channels, scale=0.02), "offsetB": offsets}
    if projections:
        p.update(W=random(outputs, channels), b=random(outputs))
        p.update(valueW=random(channels, channels), valueB=random(channels))
    if dw_kernel:
        p.update(dwW=random(channels, 1, dw_kernel, dw_kernel, scale=0.4), dwB=random(channels))
    if version == 3:
        p.update(gamma=random(channels), beta=random(channels))
    if centre_scale:
        p.update(centerW=random(groups, channels), centerB=random(groups))
    arguments = dict(version=version, kernel=kernel, stride=stride, pad=pad, dilation=dilation, groups=groups,
                     scale=scale, remove_centre=remove_centre, centre_scale=centre_scale)
    write("intern_image_modules", name, {"input": x}, p, intern_image(p, x, **arguments))
    return dict(name=name, **arguments, outputs=outputs, dw_kernel=dw_kernel, projections=projections)


def deformable_detr_case(name, *shapes, heads, points):
    n, queries, query_size, channels, outputs, levels = 2, 5, 8, 6, 8, len(shapes)
    count = heads * levels * points
    size = torch.tensor(shapes).flip(1)
    points_at = torch.rand(n, queries, levels, 2, dtype=torch.float64)
    points_at = ((points_at * size).floor() + 0.25) / size
    inputs = {"query": random(n, queries, query_size), "points": points_at.requires_grad_()}
    inputs.update({f"level{i}": random(n, channels, *shape) for i, shape in enumerate(shapes)})
    p = {"valueW": random(outputs, channels), "valueB": random(outputs),
         "attentionW": random(count, query_size, scale=0.5), "attentionB": random(count),
         "outputW": random(outputs, outputs), "outputB": random(outputs),
         "offsetW": random(2 * count, query_size, scale=0.03), "offsetB": (quarters(2 * count) - 0.25).requires_grad_()}
    maps = [inputs[f"level{i}"] for i in range(levels)]
    output = deformable_detr(p, inputs["query"], inputs["points"], maps, heads, points)
    write("deformable_detr_module", name, inputs, p, output)
    return dict(name=name, heads=heads, points=points, levels=levels)


def index(folder, *cases):
    Path(folder, "index.json").write_text(json.dumps(cases, indent=1) + "\n")


index(
    "intern_image_modules",
    intern_image_case("v3"),
    intern_image_case("v3_four_groups_dw5", groups=4, dw_kernel=5),
    intern_image_case("v3_kernel5_scale_without_centre", kernel=5, pad=2, scale=1.5, remove_centre=True, dw_kernel=5),
    intern_image_case("v3_dilation", pad=2, dilation=2),
    intern_image_case("v3_no_padding", pad=0),
    intern_image_case("v3_stride2", stride=2),
    intern_image_case("v3_centre_scale", centre_scale=True),
    intern_image_case("v4", version=4, dw_kernel=0),
    intern_image_case("v4_dw3_scale_stride2", version=4, scale=0.5, stride=2),
    intern_image_case("v4_without_pointwise_without_centre", version=4, remove_centre=True, dw_kernel=0, projections=False),
)
index(
    "deformable_detr_module",
    deformable_detr_case("four_levels", (8, 6), (4, 3), (2, 2), (1, 1), heads=4, points=2),
    deformable_detr_case("one_level_one_head", (5, 7), heads=1, points=4),
)
