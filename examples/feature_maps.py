"""Look into a network with hooks: what its layers see, and what its answer depends on.

    python examples/feature_maps.py

Forward hooks keep the outputs of the convolutions, and a hook on one of them the gradient of a
class's score. Together they give Grad-CAM (R. Selvaraju et al., 2016): where in the image the
evidence for the class lies. To see whether this is true, the programme wipes out 2 x 2 pixels
where the map is largest, which changes the answers to twice as many test images as wiping out
2 x 2 pixels anywhere does.
"""

from __future__ import annotations

import argparse

from pictures import as_text
from train_digits import DigitNet, accuracy, load_digits, train_epoch

import gradcore as torch
import gradcore.nn.functional as F
from gradcore import nn
from gradcore.optim import Adam
from gradcore.utils.data import DataLoader

PATCH = 2


class FeatureMaps:
    """The outputs of some modules during the last forward pass, by their names.

    The outputs keep their gradients in the following backward pass. ``remove()``, or the end of a
    ``with`` block, takes the hooks away.
    """

    def __init__(self, model: nn.Module, kind: type[nn.Module]) -> None:
        self.outputs: dict[str, torch.Tensor] = {}
        self.handles = [
            module.register_forward_hook(self.keep(name))
            for name, module in model.named_modules()
            if isinstance(module, kind)
        ]

    def keep(self, name: str):
        """A hook that keeps the output of module ``name``."""

        def hook(module, inputs, output):
            self.outputs[name] = output
            if output.requires_grad:
                output.retain_grad()

        return hook

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> FeatureMaps:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


def grad_cam(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Where the evidence for the model's answers lies: maps (N, H, W) of the last convolution."""
    model.eval()
    with FeatureMaps(model, nn.Conv2d) as maps:
        scores = model(images)
    scores.max(1).values.sum().backward()
    last = list(maps.outputs.values())[-1]
    # How much each channel matters is the mean of its gradients.
    importance = last.grad.mean((2, 3), keepdim=True)
    return F.relu((importance * last).sum(1)).detach()


def wipe_out(images: torch.Tensor, corners: torch.Tensor) -> torch.Tensor:
    """The images without the ink of PATCH x PATCH pixels; ``corners`` are flat positions (N,)."""
    height, width = images.shape[2:]
    top, left = corners // (width - PATCH + 1), corners % (width - PATCH + 1)
    y = torch.arange(height, device=images.device).view(1, 1, -1, 1) - top.view(-1, 1, 1, 1)
    x = torch.arange(width, device=images.device).view(1, 1, 1, -1) - left.view(-1, 1, 1, 1)
    inside = (y >= 0) & (y < PATCH) & (x >= 0) & (x < PATCH)
    return images.masked_fill(inside, 0.0)


@torch.no_grad()
def lost_answers(model: nn.Module, images: torch.Tensor, corners: torch.Tensor) -> float:
    """The share of images whose answer changes without the patches at ``corners``."""
    before, after = model(images).argmax(1), model(wipe_out(images, corners)).argmax(1)
    return (before != after).float().mean().item()


def compare(model: nn.Module, images: torch.Tensor, cam: torch.Tensor) -> float:
    """How many times as many answers the hottest pixels of the maps change as others do."""
    heat = F.avg_pool2d(cam.unsqueeze(1), PATCH, stride=1).flatten(1)
    corners = torch.randint(heat.shape[1], (len(images),), device=images.device)
    hottest = lost_answers(model, images, heat.argmax(1))
    anywhere = lost_answers(model, images, corners)
    print(
        f"answers lost without the {PATCH} x {PATCH} pixels where the map is largest: "
        f"{hottest:.1%}, without {PATCH} x {PATCH} pixels anywhere: {anywhere:.1%}"
    )
    return hottest / max(anywhere, 1 / len(images))


def main(argv: list[str] | None = None) -> float:
    """Train, show maps, and return how much more wiping out the hottest pixels does."""
    parser = argparse.ArgumentParser(description="Feature maps and Grad-CAM with hooks.")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    parser.add_argument("--epochs", type=int, default=8, help="passes over the images")
    parser.add_argument("--image", type=int, default=0, help="the test image that is shown")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is random")
    parser.add_argument("--quick", action="store_true", help="one epoch, to see that it works")
    arguments = parser.parse_args(argv)
    epochs = 1 if arguments.quick else arguments.epochs

    torch.manual_seed(arguments.seed)
    device = torch.device(arguments.device)
    training, testing = load_digits()
    train_loader = DataLoader(training, batch_size=64, shuffle=True)
    test_loader = DataLoader(testing, batch_size=len(testing))
    model = DigitNet().to(device)
    optimizer = Adam(model.parameters(), lr=1e-3)
    for _ in range(epochs):
        train_epoch(model, train_loader, nn.CrossEntropyLoss(), optimizer, device)
    print(f"test accuracy {accuracy(model, test_loader, device):.2%}")

    images = next(iter(test_loader))[0].to(device)
    with FeatureMaps(model, nn.Conv2d) as maps, torch.no_grad():
        model(images[arguments.image : arguments.image + 1])
    print("\nthe image")
    print(as_text(images[arguments.image]))
    for name, output in maps.outputs.items():
        print(f"the first channels of {name}")
        print(as_text(output[0, :4].relu()))
    cam = grad_cam(model, images)
    print("where the answer comes from")
    print(as_text(cam[arguments.image : arguments.image + 1]))
    return compare(model, images, cam)


if __name__ == "__main__":
    main()
