"""A complete training script: options, augmentation, schedule, checkpoints, progress.

    python examples/train.py --model mlp --optimizer sgd --lr 0.1
    python examples/train.py --output runs/one                # best.pt, last.pt, history.json
    python examples/train.py --output runs/one --resume       # goes on after an interruption
    python examples/train.py --output runs/one --tensorboard  # needs gradcore[tensorboard]

The task is that of train_digits.py, which is the place to begin. This script shows what longer
runs need besides: warm-up and cosine schedule per step, weight decay for matrices only, clipped
gradients, an average of the weights (EMA) that is validated and saved, shifted and noisy training
images, checkpoints that are complete. Fifteen epochs reach 99 %.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

from lenet_digits import LeNet
from train_digits import DigitNet, accuracy, load_digits

import gradcore as torch
import gradcore.nn.functional as F
from gradcore import nn
from gradcore.optim import SGD, AdamW
from gradcore.optim.lr_scheduler import LambdaLR
from gradcore.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from gradcore.utils.data import DataLoader

MODELS = {
    "cnn": DigitNet,
    "lenet": LeNet,
    "mlp": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10)
    ),
}


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Train a classifier of digits.")
    add = parser.add_argument
    add("--model", choices=MODELS, default="cnn", help="the network")
    add("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    add("--epochs", type=int, default=15, help="passes over the images")
    add("--batch-size", type=int, default=64, help="images per step")
    add("--optimizer", choices=["adamw", "sgd"], default="adamw")
    add("--lr", type=float, default=3e-3, help="the largest learning rate")
    add("--warmup", type=float, default=0.1, help="share of the steps in which it grows")
    add("--weight-decay", type=float, default=0.05)
    add("--clip", type=float, default=1.0, help="the largest norm of the gradients; 0: any")
    add("--ema", type=float, default=0.98, help="what the averaged weights keep in each step")
    add("--shift", type=int, default=1, help="pixels by which training images are moved")
    add("--noise", type=float, default=0.05, help="deviation of noise on training images")
    add("--seed", type=int, default=0, help="of everything that is random")
    add("--output", type=Path, help="folder for best.pt, last.pt and history.json")
    add("--resume", action="store_true", help="go on from last.pt in --output")
    add("--tensorboard", action="store_true", help="write events into --output")
    add("--quick", action="store_true", help="2 epochs, to see that it works")
    arguments = parser.parse_args(argv)
    if arguments.output is None and (arguments.resume or arguments.tensorboard):
        parser.error("--resume and --tensorboard need --output")
    if arguments.resume and not (arguments.output / "last.pt").exists():
        parser.error(f"--resume: there is no file {arguments.output / 'last.pt'}")
    if arguments.quick:
        arguments.epochs = 2
    return arguments


def make_optimizer(arguments: argparse.Namespace, model: nn.Module):
    """Weight decay is for matrices and kernels: biases and normalization need none."""
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": arguments.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if arguments.optimizer == "sgd":
        return SGD(groups, lr=arguments.lr, momentum=0.9, nesterov=True)
    return AdamW(groups, lr=arguments.lr)


def make_scheduler(optimizer, steps: int, warmup: float) -> LambdaLR:
    """Linear growth, then half a cosine down to zero."""
    first = max(1, round(warmup * steps))

    def factor(step: int) -> float:
        if step < first:
            return (step + 1) / first
        return 0.5 * (1 + math.cos(math.pi * (step - first) / max(1, steps - first)))

    return LambdaLR(optimizer, factor)


def augment(images: torch.Tensor, shift: int, noise: float) -> torch.Tensor:
    """Each image moved by up to ``shift`` pixels, all with noise."""
    count, _, height, width = images.shape
    padded = F.pad(images, (shift,) * 4)
    windows = padded.squeeze(1).unfold(1, height, 1).unfold(2, width, 1)  # (N, places, places, …)
    y, x = torch.randint(2 * shift + 1, (2, count), device=images.device)
    moved = windows[torch.arange(count, device=images.device), y, x].unsqueeze(1)
    return moved + noise * torch.randn_like(moved)


class Run:
    """Everything that a checkpoint must hold, and what happens to it."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        torch.manual_seed(arguments.seed)
        self.arguments = arguments
        self.device = torch.device(arguments.device)
        training, validation = load_digits()
        self.train_loader = DataLoader(training, batch_size=arguments.batch_size, shuffle=True)
        self.validation_loader = DataLoader(validation, batch_size=256)
        self.model = MODELS[arguments.model]().to(self.device)
        average = get_ema_multi_avg_fn(arguments.ema)
        self.averaged = AveragedModel(self.model, multi_avg_fn=average, use_buffers=True)
        self.optimizer = make_optimizer(arguments, self.model)
        steps = arguments.epochs * len(self.train_loader)
        self.scheduler = make_scheduler(self.optimizer, steps, arguments.warmup)
        self.history: list[dict] = []

    def parts(self) -> dict:
        """What has a state."""
        return {
            "model": self.model,
            "averaged": self.averaged,
            "optimizer": self.optimizer,
            "scheduler": self.scheduler,
        }

    def save(self, path: Path) -> None:
        """Write a checkpoint; a crash leaves the old file or the new one."""
        state = {name: part.state_dict() for name, part in self.parts().items()}
        state.update(history=self.history, rng=torch.get_rng_state())
        temporary = path.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(path)

    def load(self, path: Path) -> None:
        """Read a checkpoint."""
        state = torch.load(path, map_location="cpu")
        for name, part in self.parts().items():
            part.load_state_dict(state[name])
        self.history = state["history"]
        torch.set_rng_state(state["rng"])

    def train_epoch(self, epoch: int) -> float:
        """One pass over the training images; returns the mean loss."""
        arguments = self.arguments
        criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
        self.model.train()
        total, seen, start = 0.0, 0, time.perf_counter()
        for images, labels in self.train_loader:
            images = augment(images.to(self.device), arguments.shift, arguments.noise)
            loss = criterion(self.model(images), labels.to(self.device))
            self.optimizer.zero_grad()
            loss.backward()
            if arguments.clip:
                nn.utils.clip_grad_norm_(self.model.parameters(), arguments.clip)
            self.optimizer.step()
            self.scheduler.step()
            self.averaged.update_parameters(self.model)
            total, seen = total + loss.item() * len(labels), seen + len(labels)
            rate = seen / (time.perf_counter() - start)
            progress = f"{seen}/{len(self.train_loader.dataset)}  loss {total / seen:.4f}"
            print(f"\repoch {epoch:3d}  {progress}  {rate:,.0f} images/s", end="", flush=True)
        return total / seen

    def fit(self, writer=None) -> float:
        """The epochs that are left; returns the best accuracy."""
        output = self.arguments.output
        for epoch in range(len(self.history) + 1, self.arguments.epochs + 1):
            loss = self.train_epoch(epoch)
            best = max((entry["accuracy"] for entry in self.history), default=-1.0)
            now = accuracy(self.averaged, self.validation_loader, self.device)
            lr = self.scheduler.get_last_lr()[0]
            self.history.append({"epoch": epoch, "loss": loss, "accuracy": now, "lr": lr})
            print(f"  validation accuracy {now:.2%}{'  best' if now > best else ''}")
            if writer is not None:
                for name in ("loss", "accuracy", "lr"):
                    writer.add_scalar(name, self.history[-1][name], epoch)
            if output is not None:
                self.save(output / "last.pt")
                if now > best:
                    torch.save(self.averaged.module.state_dict(), output / "best.pt")
                (output / "history.json").write_text(json.dumps(self.history, indent=1))
        return max(entry["accuracy"] for entry in self.history)


def main(argv: list[str] | None = None) -> float:
    """Train as the command line says; returns the best accuracy on the validation images."""
    arguments = parse_arguments(argv)
    run = Run(arguments)
    if arguments.resume:
        run.load(arguments.output / "last.pt")
        print(f"resumed after epoch {len(run.history)}")
    elif arguments.output is not None:
        arguments.output.mkdir(parents=True, exist_ok=True)
    if not arguments.tensorboard:
        return run.fit()
    from gradcore.utils.tensorboard import SummaryWriter

    with SummaryWriter(arguments.output) as writer:
        writer.add_graph(run.model, next(iter(run.validation_loader))[0][:1].to(run.device))
        return run.fit(writer)


if __name__ == "__main__":
    main()
