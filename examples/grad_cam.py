"""Grad-CAM as a picture: where in an image the network sees what it answers.

    python examples/grad_cam.py                       # writes grad_cam.png; needs gradcore[vision]
    python examples/grad_cam.py --method gradcam++ --output maps.png

A small ResNet learns the shapes of resnet_shapes.py. Then each test image gets a map of the places
that its answer depends on (R. Selvaraju et al., 2016), which is laid over it in colours, blue to
red. The picture has the images in its odd rows, and their maps below them. Nobody told the network
where the shapes are, and yet nearly all of the maps are largest on them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from resnet_shapes import SHAPES, ResNet, draw_shapes
from train_digits import accuracy, train_epoch

import gradcore as torch
from gradcore import nn
from gradcore.optim import SGD
from gradcore.optim.lr_scheduler import CosineAnnealingLR
from gradcore.utils.data import DataLoader
from gradcore.vision.cam import CAM, GradCAM, GradCAMPlusPlus, overlay
from gradcore.vision.utils import save_image

METHODS = {"cam": CAM, "gradcam": GradCAM, "gradcam++": GradCAMPlusPlus}
COLUMNS = 8


def trained(arguments: argparse.Namespace, device: torch.device) -> nn.Module:
    """A network that knows the shapes."""
    loader = DataLoader(draw_shapes(arguments.images, seed=0), batch_size=64, shuffle=True)
    test_loader = DataLoader(draw_shapes(arguments.images // 5, seed=1), batch_size=256)
    model = ResNet().to(device)
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    scheduler = CosineAnnealingLR(optimizer, T_max=arguments.epochs)
    for _ in range(arguments.epochs):
        train_epoch(model, loader, nn.CrossEntropyLoss(), optimizer, device)
        scheduler.step()
    print(f"test accuracy {accuracy(model, test_loader, device):.2%}")
    return model


def in_shape(image: torch.Tensor, heat: torch.Tensor) -> bool:
    """Whether the map is largest in the box around the shape, which is what is bright."""
    bright = image.mean(0) > 0.3
    y, x = torch.nonzero(bright, as_tuple=True)
    row, column = divmod(int(heat.argmax()), heat.shape[1])
    return bool(y.min() <= row <= y.max() and x.min() <= column <= x.max())


def main(argv: list[str] | None = None) -> float:
    """Train, write the picture, and return the share of maps that are largest on the shape."""
    parser = argparse.ArgumentParser(description="Grad-CAM of a ResNet on images of shapes.")
    add = parser.add_argument
    add("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    add("--method", choices=METHODS, default="gradcam", help="how the maps are made")
    add("--epochs", type=int, default=4, help="passes over the images")
    add("--images", type=int, default=2000, help="images to train on")
    add("--seed", type=int, default=0, help="of everything that is random")
    add("--output", type=Path, default=Path("grad_cam.png"), help="the picture")
    add("--quick", action="store_true", help="256 images, to see that it works")
    arguments = parser.parse_args(argv)
    if arguments.quick:
        arguments.epochs, arguments.images = 1, 256

    torch.manual_seed(arguments.seed)
    device = torch.device(arguments.device)
    model = trained(arguments, device).eval()
    cam = METHODS[arguments.method](model, model.features)
    images, labels = draw_shapes(4 * COLUMNS, seed=2)[:]
    heats = [cam(image[None].to(device)).cpu() for image in images]
    low, high = images.amin(), images.amax()
    rows = []
    for start in range(0, len(images), COLUMNS):
        row = range(start, start + COLUMNS)
        rows += [(images[i] - low) / (high - low) for i in row]
        rows += [overlay(images[i], heats[i]) for i in row]
    save_image(torch.stack(rows), arguments.output, nrow=COLUMNS)
    found = sum(map(in_shape, images, heats)) / len(images)
    answers = [SHAPES[i] for i in model(images[:COLUMNS].to(device)).argmax(1).tolist()]
    truth = [SHAPES[i] for i in labels[:COLUMNS].tolist()]
    print(f"first row: {', '.join(truth)}\nanswers:   {', '.join(answers)}")
    print(f"the maps are largest on the shape in {found:.0%} of the images")
    print(f"wrote {arguments.output}")
    return found


if __name__ == "__main__":
    main()
