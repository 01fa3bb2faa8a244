"""torchvision's side of `sf bench`: the same works as sf's, in the words of src/bench/worker.ts.

    python3 against_torchvision.py --device cpu --threads 2 --precision fp32

A line of JSON in, a line of JSON out; the first line comes unasked and says who is there. Nothing is tuned: contiguous
NCHW tensors, torchvision's own modules and functions, an optimizer of torch, autocast where bf16 is asked for.

What differs from `torchvision.models.detection.retinanet_resnet50_fpn(weights=None)`:
  - batch norm is frozen, as that function makes it when it is given weights; the last norm of each residual block is a
    quarter, so that 16 blocks do not multiply the variance of activations that nothing normalises;
  - images come as one prepared batch: neither side resizes or normalises;
  - 100 detections an image; for inference scores are spread as src/bench/candidates.ts says.
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
from torch.nn.functional import conv2d
from torchvision.models.detection import RetinaNet
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.models.detection.image_list import ImageList
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

SCORE_THRESHOLD = 0.05
# As in src/bench/candidates.ts.
CANDIDATE_OUTPUTS, GAIN, BACKGROUND_LOGIT = 51, 1000, -10

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


class PreparedBatch(torch.nn.Module):
    """Stands in for the transform of a detector: the images are a batch already."""

    def __init__(self, transform):
        super().__init__()
        self.postprocess = transform.postprocess

    def forward(self, images, targets=None):
        return ImageList(images, [(images.shape[-2], images.shape[-1])] * len(images)), targets


def retinanet(work):
    backbone = resnet_fpn_backbone(
        backbone_name="resnet50",
        weights=None,
        trainable_layers=5,
        returned_layers=[2, 3, 4],
        extra_blocks=LastLevelP6P7(256, 256),
    )
    for name, module in backbone.named_modules():
        if name.endswith("bn3"):
            module.weight.fill_(0.25)
    model = RetinaNet(backbone, work["classes"], score_thresh=SCORE_THRESHOLD, detections_per_img=100)
    model.transform = PreparedBatch(model.transform)
    return model.to(DEVICE)


def images_of(work):
    return torch.randn(len(work["objects"]), 3, work["height"], work["width"], device=DEVICE)


def train(work):
    model = retinanet(work).train()
    # The learning rate of src/bench/detector-work.ts: nothing that is measured depends on how far the training has come.
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-5, momentum=0.9, weight_decay=1e-4)
    images = images_of(work)
    # torchvision counts the class predictor's outputs from 0.
    targets = [
        {
            "boxes": torch.tensor(objects["boxes"], device=DEVICE),
            "labels": torch.tensor(objects["classes"], device=DEVICE) - 1,
        }
        for objects in work["objects"]
    ]

    def run():
        with autocast():
            losses = sum(model(images, targets).values())
        value = losses.item()
        if not math.isfinite(value):
            raise RuntimeError(f"the loss of a training step is {value}")
        optimizer.zero_grad(set_to_none=True)
        losses.backward()
        optimizer.step()

    return run, sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def spread_scores(model):
    """Scores spread as those of a trained network: see src/bench/candidates.ts."""
    predictor = model.head.classification_head.cls_logits
    with torch.no_grad():
        predictor.weight -= predictor.weight.mean((2, 3), keepdim=True)
        predictor.weight *= GAIN
        predictor.bias.fill_(BACKGROUND_LOGIT)
        predictor.bias[::CANDIDATE_OUTPUTS] = math.log(SCORE_THRESHOLD / (1 - SCORE_THRESHOLD))


def inference(work):
    model = retinanet(work).eval()
    spread_scores(model)
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


PREPARE = {"convolution": convolution, "mat-mul": mat_mul, "train": train, "inference": inference}


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
