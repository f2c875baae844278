"""Writes coco-boxes.json: boxes drawn at random and what pycocotools makes of them.

Run with pycocotools and numpy installed:  python3 make-coco-boxes.py
"""

import contextlib
import importlib.metadata
import io
import json
import pathlib
import random

import numpy
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

IMAGES = 12
CLASSES = 5
NEVER_TRUE = 3  # the class that no image holds
NEVER_FOUND = 4  # the class that is never detected

draw = random.Random(7)


def random_box():
    w, h = draw.randint(10, 60), draw.randint(10, 60)
    return [draw.randint(0, 128 - w), draw.randint(0, 128 - h), w, h]


def near(box):
    return [edge + draw.choice([-6, -3, -2, -1, 0, 0, 1, 2, 3]) for edge in box]


def detection(image, label, box):
    # One decimal only, so that many scores are equal.
    return {"image_id": image, "category_id": label, "bbox": box, "score": draw.randint(1, 9) / 10}


annotations, results = [], []
for image in range(IMAGES):
    # One image holds nothing.
    for _ in range(0 if image == 5 else draw.randint(1, 6)):
        label = draw.choice([c for c in range(CLASSES) if c != NEVER_TRUE])
        box = random_box()
        annotations.append(
            {
                "id": len(annotations) + 1,  # 0 would mean "not matched" to pycocotools
                "image_id": image,
                "category_id": label,
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": 0,
            }
        )
        for _ in range(draw.randint(0, 3)):
            seen = label if draw.random() < 0.8 else draw.randrange(CLASSES)
            results.append(detection(image, seen, near(box)))
    for _ in range(draw.randint(0, 3)):
        results.append(detection(image, draw.randrange(CLASSES), random_box()))
results = [r for r in results if r["category_id"] != NEVER_FOUND]
# More detections of one class in an image than count: the last finds an object, but is one too many.
last = next(a for a in annotations if a["image_id"] == 9 and a["category_id"] == 0)
results = [r for r in results if (r["image_id"], r["category_id"]) != (9, 0)]
results += [detection(9, 0, random_box()) | {"score": 0.1} for _ in range(100)]
results.append({"image_id": 9, "category_id": 0, "bbox": last["bbox"], "score": 0.05})

truth = {
    "images": [{"id": i} for i in range(IMAGES)],
    "categories": [{"id": c} for c in range(CLASSES)],
    "annotations": annotations,
}
with contextlib.redirect_stdout(io.StringIO()):
    coco = COCO()
    coco.dataset = truth
    coco.createIndex()
    found = coco.loadRes(json.loads(json.dumps(results)))
    evaluation = COCOeval(coco, found, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    # [thresholds, recalls, classes], all areas, 100 detections
    precision = evaluation.eval["precision"][:, :, :, 0, 2]


def average(values):
    return None if values[0, 0] < 0 else float(values.mean())


expected = {
    "map": float(evaluation.stats[0]),
    "map50": float(evaluation.stats[1]),
    "map75": float(evaluation.stats[2]),
    # For each class its average precision at each of the ten thresholds; null without true boxes
    "byClass": [
        [average(precision[t : t + 1, :, c]) for t in range(10)] for c in range(CLASSES)
    ],
}
about = "made by make-coco-boxes.py with pycocotools %s and numpy %s; bbox: x, y, width, height" % (
    importlib.metadata.version("pycocotools"),
    numpy.__version__,
)


def lines(rows):
    return "[\n" + ",\n".join("    " + json.dumps(row) for row in rows) + "\n  ]"


truths = [[a["image_id"], a["category_id"]] + a["bbox"] for a in annotations]
founds = [[r["image_id"], r["category_id"]] + r["bbox"] + [r["score"]] for r in results]
pathlib.Path(__file__).with_name("coco-boxes.json").write_text(
    "{\n"
    + '  "about": %s,\n' % json.dumps(about)
    + '  "images": %d,\n' % IMAGES
    + '  "truths": %s,\n' % lines(truths)
    + '  "detections": %s,\n' % lines(founds)
    + '  "expected": %s\n}\n' % json.dumps(expected)
)
