"""Recognise clothes: a convolutional network on Fashion-MNIST, 90 % of the test images and more.

    python examples/fashion_mnist.py                                # needs gradcore[vision]
    python examples/fashion_mnist.py --output runs/one              # saves while it trains
    python examples/fashion_mnist.py --output runs/one --resume     # goes on where it stopped
    python examples/fashion_mnist.py --output runs/one --tensorboard

This is the whole path from files to a trained model: a dataset, random transforms, worker
processes, a schedule, TensorBoard, checkpoints. The run may be killed at any moment: resumed, it
ends with exactly the weights of a run that was not (see gradcore.utils.resume). The images are
those of Debian's package dataset-fashion-mnist where it is installed, otherwise they are
downloaded into --data.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import shutil
import time
from pathlib import Path

import gradcore as torch
from gradcore import nn
from gradcore.optim import AdamW
from gradcore.optim.lr_scheduler import OneCycleLR
from gradcore.utils.data import DataLoader, Subset
from gradcore.utils.resume import Checkpoint, ResumableLoader
from gradcore.vision import transforms
from gradcore.vision.datasets import FakeData, FashionMNIST
from gradcore.vision.utils import make_grid

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
MEAN, STD = 0.286, 0.353  # of the pixels for training
DATA = Path.home() / ".cache" / "gradcore"
BAR = 30  # letters of the progress bar


class Net(nn.Sequential):
    """Three blocks of convolutions, then two linear layers: (N, 1, 28, 28) to (N, 10)."""

    def __init__(self, width: int = 32) -> None:
        super().__init__(
            self.block(1, width),
            nn.MaxPool2d(2),
            self.block(width, 2 * width),
            nn.MaxPool2d(2),
            self.block(2 * width, 4 * width),
            nn.AdaptiveAvgPool2d(3),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(4 * width * 9, 128),
            nn.ReLU(),
            nn.Linear(128, 10),
        )

    @staticmethod
    def block(channels: int, out_channels: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Train a network on Fashion-MNIST.")
    add = parser.add_argument
    add("--data", type=Path, default=DATA, help=f"folder of the images (default: {DATA})")
    add("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    add("--epochs", type=int, default=3, help="passes over the images")
    add("--batch-size", type=int, default=64, help="images per step")
    add("--width", type=int, default=32, help="channels of the first convolution")
    add("--lr", type=float, default=4e-3, help="the largest learning rate")
    add("--workers", type=int, default=2, help="processes that prepare images")
    add("--seed", type=int, default=0, help="of everything that is random")
    add("--images", type=int, help="train on the first images only")
    add("--output", type=Path, help="folder for checkpoint.pt and the events of TensorBoard")
    add("--save-every", type=int, default=100, help="steps between checkpoints")
    add("--resume", action="store_true", help="go on from checkpoint.pt in --output")
    add("--tensorboard", action="store_true", help="write events; needs gradcore[tensorboard]")
    add("--quick", action="store_true", help="2 epochs on 600 images, to see that it works")
    arguments = parser.parse_args(argv)
    if arguments.output is None and (arguments.resume or arguments.tensorboard):
        parser.error("--resume and --tensorboard need --output")
    if arguments.quick:
        arguments.epochs, arguments.images, arguments.width, arguments.workers = 2, 600, 8, 1
    return arguments


def find_images(root: Path) -> bool:
    """Whether ``root`` has the files; those of Debian's package are unpacked into it."""
    raw = root / "FashionMNIST" / "raw"
    if not raw.exists() and DEBIAN.is_dir():
        raw.mkdir(parents=True)
        for path in DEBIAN.glob("*.gz"):
            with gzip.open(path) as packed, open(raw / path.stem, "wb") as file:
                shutil.copyfileobj(packed, file)
    return raw.is_dir()


def load_images(arguments: argparse.Namespace) -> tuple:
    """The images for training, which are changed at random, and those for testing."""
    to_tensor = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    changing = [transforms.RandomCrop(28, padding=1), transforms.RandomHorizontalFlip()]
    train_transform = transforms.Compose(changing + to_tensor)
    test_transform = transforms.Compose(to_tensor)
    present = find_images(arguments.data)
    if arguments.quick and not present:
        print("Fashion-MNIST is not here: noise instead, of which nothing can be learned")
        gray = transforms.Grayscale()
        return tuple(
            FakeData(size, (3, 28, 28), transform=transforms.Compose([gray, transform]))
            for size, transform in ((600, train_transform), (200, test_transform))
        )
    training = FashionMNIST(arguments.data, transform=train_transform, download=not present)
    testing = FashionMNIST(arguments.data, train=False, transform=test_transform)
    if arguments.images is not None:
        training = Subset(training, range(arguments.images))
    if arguments.quick:
        testing = Subset(testing, range(1000))
    return training, testing


class Run:
    """A model with everything that trains it."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        torch.manual_seed(arguments.seed)
        self.arguments = arguments
        self.device = torch.device(arguments.device)
        training, testing = load_images(arguments)
        options = {"batch_size": arguments.batch_size, "num_workers": arguments.workers}
        self.loader = ResumableLoader(DataLoader(training, shuffle=True, **options))
        self.test_loader = DataLoader(testing, **options)
        self.model = Net(arguments.width).to(self.device)
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = AdamW(self.model.parameters(), lr=arguments.lr, weight_decay=0.01)
        steps = arguments.epochs * len(self.loader)
        self.scheduler = OneCycleLR(self.optimizer, arguments.lr, total_steps=steps)
        self.checkpoint = None
        if arguments.output is not None:
            parts = {"loader": self.loader, "model": self.model}
            parts |= {"optimizer": self.optimizer, "scheduler": self.scheduler}
            self.checkpoint = Checkpoint(arguments.output / "checkpoint.pt", **parts)

    @property
    def step(self) -> int:
        """The number of steps that were made."""
        return self.loader.epoch * len(self.loader) + self.loader.batch

    def train_step(self, images: torch.Tensor, labels: torch.Tensor) -> float:
        """One step of the optimizer; returns the loss."""
        loss = self.criterion(self.model(images.to(self.device)), labels.to(self.device))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.scheduler.step()
        return loss.item()

    def train_epoch(self, writer) -> None:
        """The rest of a pass over the images for training."""
        self.model.train()
        start, first = time.perf_counter(), self.step
        for images, labels in self.loader:
            loss = self.train_step(images, labels)
            rate = (self.step - first) * len(labels) / (time.perf_counter() - start)
            self.show(loss, rate)
            if writer is not None and self.step % 20 == 0:
                writer.add_scalar("loss", loss, self.step)
                writer.add_scalar("learning rate", self.scheduler.get_last_lr()[0], self.step)
            if self.checkpoint is not None and self.step % self.arguments.save_every == 0:
                self.checkpoint.save()

    def show(self, loss: float, rate: float) -> None:
        """Draw the progress bar of the epoch."""
        done = self.loader.batch * BAR // len(self.loader)
        bar = "#" * done + "." * (BAR - done)
        line = f"epoch {self.loader.epoch + 1} [{bar}] loss {loss:.4f}  {rate:,.0f} images/s"
        print(f"\r{line}  ", end="", flush=True)

    @torch.no_grad()
    def accuracy(self) -> float:
        """The share of the test images that the model recognises."""
        self.model.eval()
        correct = 0
        for images, labels in self.test_loader:
            guesses = self.model(images.to(self.device)).argmax(1)
            correct += (guesses == labels.to(self.device)).sum().item()
        return correct / len(self.test_loader.dataset)

    def fit(self, writer=None) -> float:
        """The epochs that are left; returns the accuracy on the test images."""
        while self.loader.epoch < self.arguments.epochs:
            self.train_epoch(writer)
            correct = self.accuracy()
            print(f" test accuracy {correct:.2%}")
            if writer is not None:
                writer.add_scalar("test accuracy", correct, self.step)
                for name, parameter in self.model.named_parameters():
                    writer.add_histogram(name, parameter, self.step)
            if self.checkpoint is not None:
                self.checkpoint.save()
        return self.accuracy()

    def describe(self, writer) -> None:
        """Let TensorBoard show some images and the network."""
        images = torch.stack([self.test_loader.dataset[i][0] for i in range(32)])
        writer.add_image("images", make_grid(images, normalize=True))
        writer.add_graph(self.model, images[:1].to(self.device))


def main(argv: list[str] | None = None) -> float:
    """Train as the command line says; returns the accuracy on the test images."""
    arguments = parse_arguments(argv)
    run = Run(arguments)
    if arguments.resume:
        run.checkpoint.load()
        print(f"resumed after step {run.step}")
    with contextlib.ExitStack() as stack:
        writer = None
        if arguments.output is not None:
            arguments.output.mkdir(parents=True, exist_ok=True)
        if arguments.tensorboard:
            from gradcore.utils.tensorboard import SummaryWriter

            # What a killed run wrote after its last checkpoint is written again.
            writer = stack.enter_context(SummaryWriter(arguments.output, purge_step=run.step + 1))
            if not arguments.resume:
                run.describe(writer)
        correct = run.fit(writer)
    print(f"test accuracy {correct:.2%}")
    return correct


if __name__ == "__main__":
    main()
