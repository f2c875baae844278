"""The detector of the examples in PyTorch, with torchvision's deformable convolution.

Its argument is the number of threads. A line "LAYERS SIDE MINIBATCH" (layers: plain, v1, v2) asks for
one training step, on random images; the answer is its milliseconds. Losses, clipping, optimiser and
weight decay are those of DetectorNetwork.
"""

import sys
import time

import torch
import torchvision
from torch import nn
from torch.nn import functional

STRIDES_AND_CHANNELS = [(2, 32), (2, 64), (1, 64), (1, 96), (1, 96)]
ANCHORS = torch.tensor([[2.0, 2.0], [3.0, 4.0], [5.0, 4.0]])
CLASSES = 10
NUMBERS = 5 + CLASSES
OBJECTS = 4


class Deformable(nn.Module):
    """A convolution that predicts offsets, and with `modulated` a mask, and one that uses them."""

    def __init__(self, channels, outputs, stride, modulated):
        super().__init__()
        self.modulated = modulated
        self.predict = nn.Conv2d(channels, 27 if modulated else 18, 3, stride, 1)
        nn.init.normal_(self.predict.weight, 0, 0.05)
        nn.init.zeros_(self.predict.bias)
        self.convolution = torchvision.ops.DeformConv2d(channels, outputs, 3, stride, 1, bias=False)

    def forward(self, x):
        predicted = self.predict(x)
        mask = torch.sigmoid(predicted[:, 18:]) if self.modulated else None
        return self.convolution(x, predicted[:, :18], mask)


def network(kind):
    layers, channels = [nn.PixelUnshuffle(2)], 12
    for stride, outputs in STRIDES_AND_CHANNELS:
        if kind == "plain":
            layers.append(nn.Conv2d(channels, outputs, 3, stride, 1, bias=False))
        else:
            layers.append(Deformable(channels, outputs, stride, kind == "v2"))
        layers += [nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        channels = outputs
    head = nn.Conv2d(channels, len(ANCHORS) * NUMBERS, 1)
    nn.init.normal_(head.weight, 0, 0.01)
    return nn.Sequential(*layers, head)


def random_labels(minibatch, cells):
    """[images, anchors, cells, cells, numbers]: centre in the cell, size, confidence, classes."""
    labels = torch.zeros(minibatch, len(ANCHORS), cells, cells, NUMBERS)
    for image in range(minibatch):
        for _ in range(OBJECTS):
            y, x = torch.randint(cells, (2,)).tolist()
            one = labels[image, torch.randint(len(ANCHORS), (1,)).item(), y, x]
            one.zero_()
            one[:2], one[2:4], one[4] = torch.rand(2), 2 + 4 * torch.rand(2), 1
            one[5 + torch.randint(CLASSES, (1,)).item()] = 1
    return labels


def loss_of(predicted, labels):
    """Generalised IoU of the boxes, and cross entropies of confidence and class, as YoloLoss."""
    images, anchors, cells = labels.shape[:3]
    predicted = predicted.view(images, anchors, NUMBERS, cells, cells).permute(0, 1, 3, 4, 2)
    predicted, labels = predicted.reshape(-1, NUMBERS), labels.reshape(-1, NUMBERS)
    sizes = ANCHORS.view(1, -1, 1, 1, 2).expand(images, anchors, cells, cells, 2).reshape(-1, 2)
    at = labels[:, 4].nonzero().squeeze(1)
    found, true = predicted[at], labels[at]
    centre = 2 * torch.sigmoid(found[:, :2]) - 0.5
    size = sizes[at] * (2 * torch.sigmoid(found[:, 2:4])) ** 2
    low, high = centre - size / 2, centre + size / 2
    true_low, true_high = true[:, :2] - true[:, 2:4] / 2, true[:, :2] + true[:, 2:4] / 2
    both = (torch.min(high, true_high) - torch.max(low, true_low)).clamp(min=0).prod(1)
    union = size.prod(1) + true[:, 2:4].prod(1) - both
    hull = (torch.max(high, true_high) - torch.min(low, true_low)).prod(1)
    overlap = both / union
    confidence = torch.zeros_like(predicted[:, 4])
    confidence[at] = overlap.detach()
    boxes = (1 - overlap + (hull - union) / hull).sum()
    confidences = functional.binary_cross_entropy_with_logits(
        predicted[:, 4], confidence, reduction="sum"
    )
    classes = functional.cross_entropy(found[:, 5:], true[:, 5:].argmax(1), reduction="sum")
    return (3 * boxes + confidences + classes) / images


class Step:
    def __init__(self, kind, side, minibatch):
        self.images = torch.rand(minibatch, 3, side, side)
        self.labels = random_labels(minibatch, side // 8)
        self.network = network(kind).train()
        predictors = [
            parameter
            for layer in self.network
            if isinstance(layer, Deformable)
            for parameter in layer.predict.parameters()
        ]
        own = {id(parameter) for parameter in predictors}
        others = [p for p in self.network.parameters() if id(p) not in own]
        groups = [{"params": others}]
        if predictors:
            groups.append({"params": predictors, "lr": 1e-5})
        self.optimizer = torch.optim.Adam(groups, lr=1e-4, weight_decay=1e-4)

    def milliseconds(self):
        begin = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        loss = loss_of(self.network(self.images), self.labels)
        loss.backward()
        for layer in self.network:
            parameters = list(layer.parameters())
            if parameters and not isinstance(layer, nn.BatchNorm2d):
                nn.utils.clip_grad_norm_(parameters, 100)
        self.optimizer.step()
        loss.item()
        return 1e3 * (time.perf_counter() - begin)


def main():
    torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(1)
    steps = {}
    for line in sys.stdin:
        if line not in steps:
            kind, side, minibatch = line.split()
            steps[line] = Step(kind, int(side), int(minibatch))
        print(f"{steps[line].milliseconds():.3f}", flush=True)


main()
