"""torchvision's side of `sf bench`: the same works as sf's, in the words of src/bench/worker.ts.

    python3 against_torchvision.py --device cpu --threads 2 --precision fp32

A line of JSON in, a line of JSON out; the first line comes unasked and says who is there. Nothing is tuned: contiguous
NCHW tensors, torchvision's own modules and functions, an optimizer of torch, autocast where bf16 is asked for.

What differs from `retinanet_resnet50_fpn`, `fasterrcnn_resnet50_fpn` and `maskrcnn_resnet50_fpn`, all without weights:
  - batch norm is frozen, as those functions make it when they are given weights; the last norm of each residual block is a
    quarter, so that 16 blocks do not multiply the variance of activations that nothing normalises;
  - images come as one prepared batch: neither side resizes or normalises;
  - 100 detections an image; for inference scores are spread as src/bench/candidates.ts says;
  - of regions everything that overlaps an object is foreground, as src/bench/models.ts says;
  - torchvision before 0.17 cannot run its detectors in bf16 on the CPU; here it does what 0.17 does.
"""
import argparse
import contextlib
import json
import math
import resource
import sys
import time

import torch
import torchvision
from torch.nn.functional import binary_cross_entropy_with_logits, conv2d
from torchvision.models.detection import FasterRCNN, MaskRCNN, RetinaNet
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import sigmoid_focal_loss
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

SCORE_THRESHOLD = 0.05
# As in src/bench/candidates.ts.
CANDIDATE_OUTPUTS, GAIN, BACKGROUND_LOGIT = 51, 1000, -10
CANDIDATE_CLASS, CANDIDATE_LOGIT = 1, -2
# As in src/bench/models.ts.
FOREGROUND_IOU = 0.002

arguments = argparse.ArgumentParser()
arguments.add_argument("--device", required=True)
arguments.add_argument("--threads", type=int, required=True)
arguments.add_argument("--precision", choices=["fp32", "tf32", "bf16"], required=True)
arguments.add_argument("--deterministic", action="store_true")
options = arguments.parse_args()

DEVICE = torch.device(options.device)
ON_GPU = DEVICE.type == "cuda"


def autocast():
    """What convolutions and products multiply in, as users of torch ask for it."""
    if options.precision == "bf16":
        return torch.autocast(DEVICE.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def regions_in_float32():
    """NMS and RoIAlign have no kernels for bfloat16: under autocast torchvision hands them float32, on the CPU since 0.17 only
    (pytorch/vision#8049). Returns the registration, which lasts as long as it is kept."""
    kernels, library = torch.ops.torchvision, torch.library.Library("torchvision", "IMPL")

    def nms(regions, scores, iou_threshold):
        with torch.autocast("cpu", enabled=False):
            return kernels.nms(regions.float(), scores.float(), iou_threshold)

    def roi_align(maps, regions, *settings):
        with torch.autocast("cpu", enabled=False):
            return kernels.roi_align(maps.float(), regions.float(), *settings).to(maps.dtype)

    library.impl("nms", nms, "AutocastCPU")
    library.impl("roi_align", roi_align, "AutocastCPU")
    return library


VERSION = tuple(int(part) for part in torchvision.__version__.split(".")[:2])
if options.precision == "bf16" and not ON_GPU and VERSION < (0, 17):
    REGIONS_IN_FLOAT32 = regions_in_float32()


class PreparedBatch(torch.nn.Module):
    """Stands in for the transform of a detector: the images are a batch already."""

    def __init__(self, transform):
        super().__init__()
        self.postprocess = transform.postprocess

    def forward(self, images, targets=None):
        return ImageList(images, [(images.shape[-2], images.shape[-1])] * len(images)), targets


def resnet50_fpn(**levels):
    backbone = resnet_fpn_backbone(backbone_name="resnet50", weights=None, trainable_layers=5, **levels)
    for name, module in backbone.named_modules():
        if name.endswith("bn3"):
            module.weight.fill_(0.25)
    return backbone


def retinanet(work):
    backbone = resnet50_fpn(returned_layers=[2, 3, 4], extra_blocks=LastLevelP6P7(256, 256))
    return RetinaNet(backbone, work["classes"], score_thresh=SCORE_THRESHOLD, detections_per_img=100)


def two_stages(model):
    """Faster or Mask R-CNN, which count background among their classes."""

    def build(work):
        examples, foreground = work["regions"]["examples"], work["regions"]["foreground"]
        return model(
            resnet50_fpn(),
            work["classes"] + 1,
            box_fg_iou_thresh=FOREGROUND_IOU,
            box_bg_iou_thresh=FOREGROUND_IOU,
            box_batch_size_per_image=examples,
            box_positive_fraction=foreground / examples,
        )

    return build


MODELS = {"retinanet": retinanet, "faster-rcnn": two_stages(FasterRCNN), "mask-rcnn": two_stages(MaskRCNN)}


def model_of(work):
    model = MODELS[work["model"]](work)
    model.transform = PreparedBatch(model.transform)
    return model.to(DEVICE)


def trained_parameters(model, work):
    """Their number, without what torchvision has for boxes and masks of the background, which no loss ever reaches."""
    count = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    if work["model"] == "retinanet":
        return count
    heads = model.roi_heads
    boxes = heads.box_predictor.bbox_pred
    count -= 4 * (boxes.in_features + 1)
    if heads.has_mask():
        count -= heads.mask_predictor.mask_fcn_logits.in_channels + 1
    return count


def check_regions(heads, regions):
    """Fails a step whose sampler finds fewer regions than the work has: see src/bench/models.ts."""
    select = heads.select_training_samples

    def checked(proposals, targets):
        selected = select(proposals, targets)
        for labels in selected[2]:
            drawn = {"examples": labels.numel(), "foreground": int((labels > 0).sum())}
            if drawn != regions:
                raise RuntimeError(
                    "a training step drew {examples} regions, {foreground} of them foreground".format(**drawn)
                    + ", where it needs {examples} and {foreground} an image: take a larger --size".format(**regions)
                )
        return selected

    heads.select_training_samples = checked


def images_of(work):
    return torch.randn(len(work["objects"]), 3, work["height"], work["width"], device=DEVICE)


def ellipses(work, boxes):
    """Masks of the ellipses in the boxes, as a loader makes them before the step: [G, H, W] of 0 and 1."""
    y = torch.arange(work["height"]).view(1, -1, 1) + 0.5
    x = torch.arange(work["width"]).view(1, 1, -1) + 0.5
    x1, y1, x2, y2 = (column.view(-1, 1, 1) for column in boxes.unbind(1))
    inside = ((2 * x - x1 - x2) / (x2 - x1)) ** 2 + ((2 * y - y1 - y2) / (y2 - y1)) ** 2 <= 1
    return inside.to(torch.uint8)


def targets_of(work):
    # RetinaNet counts the class predictor's outputs from 0; in the others 0 is background.
    first = 1 if work["model"] == "retinanet" else 0
    targets = []
    for objects in work["objects"]:
        boxes = torch.tensor(objects["boxes"], dtype=torch.float32)
        target = {"boxes": boxes, "labels": torch.tensor(objects["classes"]) - first}
        if work["model"] == "mask-rcnn":
            target["masks"] = ellipses(work, boxes)
        targets.append({name: value.to(DEVICE) for name, value in target.items()})
    return targets


def train(work):
    model = model_of(work).train()
    if work["model"] != "retinanet":
        check_regions(model.roi_heads, work["regions"])
    # The learning rate of src/bench/detector-work.ts: nothing that is measured depends on how far the training has come.
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-5, momentum=0.9, weight_decay=1e-4)
    images = images_of(work)
    targets = targets_of(work)

    def run():
        with autocast():
            losses = sum(model(images, targets).values())
        value = losses.item()
        if not math.isfinite(value):
            raise RuntimeError(f"the loss of a training step is {value}")
        optimizer.zero_grad(set_to_none=True)
        losses.backward()
        optimizer.step()

    return run, trained_parameters(model, work)


def spread_scores(model, work):
    """Scores spread as those of a trained network: see src/bench/candidates.ts."""
    with torch.no_grad():
        if work["model"] == "retinanet":
            predictor = model.head.classification_head.cls_logits
            predictor.weight -= predictor.weight.mean((2, 3), keepdim=True)
            predictor.weight *= GAIN
            predictor.bias.fill_(BACKGROUND_LOGIT)
            predictor.bias[::CANDIDATE_OUTPUTS] = math.log(SCORE_THRESHOLD / (1 - SCORE_THRESHOLD))
        else:
            bias = model.roi_heads.box_predictor.cls_score.bias
            bias.fill_(BACKGROUND_LOGIT)
            bias[0] = 0
            bias[CANDIDATE_CLASS] = CANDIDATE_LOGIT


def inference(work):
    model = model_of(work).eval()
    spread_scores(model, work)
    images = images_of(work)

    def run():
        with torch.inference_mode(), autocast():
            # As sf does, the detections are handed over on the host.
            detections = [{key: value.cpu() for key, value in image.items()} for image in model(images)]
        if any(len(image["scores"]) == 0 for image in detections):
            raise RuntimeError("an image has no detections: inference did not do its work")

    return run, None


def convolution(work):
    size, stride = work["size"], work["stride"]
    padding = (size - 1) // 2
    x = torch.randn(work["batch"], work["inChannels"], work["height"], work["width"], device=DEVICE)
    weight = torch.randn(work["outChannels"], work["inChannels"], size, size, device=DEVICE)
    if work["direction"] == "forward":

        def run():
            with torch.inference_mode(), autocast():
                conv2d(x, weight, stride=stride, padding=padding)

        return run, None

    of_input = work["direction"] == "input gradient"
    dtype = torch.bfloat16 if options.precision == "bf16" else torch.float32
    x, weight = x.to(dtype), weight.to(dtype)
    dy = torch.randn_like(conv2d(x, weight, stride=stride, padding=padding))

    def run():
        torch.ops.aten.convolution_backward(
            *(dy, x, weight, None, [stride, stride], [padding, padding], [1, 1], False, [0, 0], 1),
            [of_input, not of_input, False],
        )

    return run, None


def mat_mul(work):
    a = torch.randn(work["rows"], work["inner"], device=DEVICE)
    b = torch.randn(work["inner"], work["columns"], device=DEVICE)

    def run():
        with torch.inference_mode(), autocast():
            torch.mm(a, b)

    return run, None


def copy(work):
    x = torch.randn(work["numbers"], device=DEVICE)

    def run():
        torch.neg(x)

    return run, None


def one_hot(labels, classes):
    """What a step has to make of labels first: torchvision's focal loss and PyTorch's cross-entropy take it."""
    targets = torch.zeros(*labels.shape, classes, device=DEVICE)
    foreground = torch.nonzero(labels, as_tuple=True)
    targets[(*foreground, labels[foreground] - 1)] = 1
    return targets


def ghm_c(logits, targets, sums, momentum):
    """GHM-C of one level as its authors state it: a mask for every bin, and a wait for the count of each."""
    bins = len(sums)
    sizes = (logits.detach().sigmoid() - targets).abs()
    total = max(1, sizes.numel())
    weights = torch.zeros_like(logits)
    filled = 0
    for i in range(bins):
        upper = (i + 1) / bins + (1e-6 if i == bins - 1 else 0)
        inside = (sizes >= i / bins) & (sizes < upper)
        count = inside.sum().item()
        if count > 0:
            sums[i] = momentum * sums[i] + (1 - momentum) * count
            weights[inside] = total / sums[i]
            filled += 1
    return binary_cross_entropy_with_logits(logits, targets, weights / max(1, filled), reduction="sum") / total


def loss(work):
    config, levels, classes = work["loss"], work["levelCounts"], work["classes"]
    # As src/bench/memory-work.ts has them.
    logits = (torch.randn(work["batch"], sum(levels), classes, device=DEVICE) * 2 - 3).requires_grad_()
    labels = torch.zeros(work["batch"] * sum(levels), dtype=torch.long, device=DEVICE)
    labels[::1000] = 1 + torch.arange(len(labels[::1000]), device=DEVICE) % classes
    labels = labels.view(work["batch"], -1)
    sums = [0.0] * config.get("bins", 0)

    def value():
        targets = one_hot(labels, classes)
        if config["kind"] == "cross-entropy":
            return binary_cross_entropy_with_logits(logits, targets, reduction="sum")
        if config["kind"] == "focal":
            return sigmoid_focal_loss(logits, targets, config["alpha"], config["gamma"], reduction="sum")
        of_levels = zip(logits.split(levels, 1), targets.split(levels, 1))
        return sum(ghm_c(z, t, sums, config["momentum"]) for z, t in of_levels)

    def run():
        logits.grad = None
        value().backward()

    return run, None


PREPARE = {
    "convolution": convolution,
    "mat-mul": mat_mul,
    "loss": loss,
    "copy": copy,
    "train": train,
    "inference": inference,
}


def wait_for_device():
    if ON_GPU:
        torch.cuda.synchronize(DEVICE)


def timed(run):
    started = time.perf_counter()
    run()
    wait_for_device()
    return 1000 * (time.perf_counter() - started)


def peak_bytes():
    """Of the GPU's memory, else the peak resident size of this process."""
    if ON_GPU:
        return torch.cuda.max_memory_allocated(DEVICE)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def introduction():
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    tf32 = options.precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
    if options.deterministic:
        torch.backends.cudnn.deterministic = True
        torch.use_deterministic_algorithms(True, warn_only=True)
    threads = torch.get_num_threads()
    where = torch.cuda.get_device_name(DEVICE) if ON_GPU else f"CPU, {threads} thread{'s' if threads > 1 else ''}"
    return {
        "detail": f"torchvision {torchvision.__version__} (torch {torch.__version__}, {where}, {options.precision})",
        "device": options.device,
        "threads": threads,
        "precision": options.precision,
        "deterministic": options.deterministic,
    }


def main():
    def answer(value):
        print(json.dumps(value), flush=True)

    answer(introduction())
    run = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "begin":
                # The work before gives its memory back first.
                run = None
                run, parameters = PREPARE[request["work"]["kind"]](request["work"])
                answer({} if parameters is None else {"parameters": parameters})
            elif request["do"] == "step":
                answer({"milliseconds": timed(run)})
            elif request["do"] == "end":
                answer({"peakBytes": peak_bytes()})
                return
            else:
                raise ValueError(f"unknown request {request['do']}")
        except RuntimeError as error:
            # torch says what it could not do, memory that ran out included, over several lines.
            answer({"failure": str(error).strip().splitlines()[0]})


main()
