"""A generative adversarial network of convolutions that learns to write digits.

    python examples/dcgan_digits.py

A. Radford, L. Metz, S. Chintala, "Unsupervised representation learning with deep convolutional
generative adversarial networks" (2015): a generator makes images of random numbers, a
discriminator learns to tell them from real ones, and the generator learns to deceive it. At the
end a classifier that was trained on the real digits reads 500 generated ones: it is sure (0.9 and
more) of over half of them, and all ten digits are among those.
"""

from __future__ import annotations

import argparse

from pictures import as_text
from train_digits import DigitNet, load_digits, train_epoch

import gradcore as torch
from gradcore import nn
from gradcore.optim import Adam
from gradcore.utils.data import DataLoader

HIDDEN = 32


def generator(width: int = 32) -> nn.Module:
    """Random numbers (N, HIDDEN, 1, 1) to images (N, 1, 8, 8) of values from -1 to 1."""
    return nn.Sequential(
        nn.ConvTranspose2d(HIDDEN, 4 * width, 2, bias=False),  # 2 x 2
        nn.BatchNorm2d(4 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(4 * width, 2 * width, 4, stride=2, padding=1, bias=False),  # 4 x 4
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * width, 1, 4, stride=2, padding=1),  # 8 x 8
        nn.Tanh(),
    )


def discriminator(width: int = 32) -> nn.Module:
    """Images (N, 1, 8, 8) to scores (N,), which are large for real ones."""
    return nn.Sequential(
        nn.Conv2d(1, width, 4, stride=2, padding=1),  # 4 x 4
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False),  # 2 x 2
        nn.BatchNorm2d(2 * width),
        nn.LeakyReLU(0.2),
        nn.Conv2d(2 * width, 1, 2),  # 1 x 1
        nn.Flatten(0),
    )


def init_weights(module: nn.Module) -> None:
    """Small weights, as in the paper."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


def noise(count: int, device) -> torch.Tensor:
    """What the generator makes images of."""
    return torch.randn(count, HIDDEN, 1, 1, device=device)


def train_pair(make, judge, loader, optimizers, device) -> tuple[float, float]:
    """One pass over the real images; returns the last losses of discriminator and generator."""
    criterion = nn.BCEWithLogitsLoss()
    make_optimizer, judge_optimizer = optimizers
    make.train()
    for images, _ in loader:
        real = images.to(device) * 2 - 1
        fake = make(noise(len(real), device))
        yes, no = torch.ones(len(real), device=device), torch.zeros(len(real), device=device)

        # Labels of 0.9 keep the discriminator from being too sure of itself.
        judge_loss = criterion(judge(real), 0.9 * yes) + criterion(judge(fake.detach()), no)
        judge_optimizer.zero_grad()
        judge_loss.backward()
        judge_optimizer.step()

        make_loss = criterion(judge(fake), yes)
        make_optimizer.zero_grad()
        make_loss.backward()
        make_optimizer.step()
    return judge_loss.item(), make_loss.item()


def train_reader(loader, epochs: int, device) -> nn.Module:
    """A classifier of real digits, which will read the generated ones."""
    reader = DigitNet().to(device)
    optimizer = Adam(reader.parameters(), lr=1e-3)
    for _ in range(epochs):
        train_epoch(reader, loader, nn.CrossEntropyLoss(), optimizer, device)
    return reader.eval()


@torch.no_grad()
def judge_samples(make, reader, device) -> tuple[float, int]:
    """The share of generated images that are surely a digit, and how many digits there are."""
    make.eval()
    images = (make(noise(500, device)) + 1) / 2
    sure, digits = reader(images).softmax(1).max(1)
    clear = sure >= 0.9
    return clear.float().mean().item(), len(digits[clear].unique())


def main(argv: list[str] | None = None) -> float:
    """Train, show generated digits, and return the share of them that a classifier can read."""
    parser = argparse.ArgumentParser(description="A DCGAN of digits.")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    parser.add_argument("--epochs", type=int, default=60, help="passes over the images")
    parser.add_argument("--lr", type=float, default=1e-3, help="learning rate of Adam")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is random")
    parser.add_argument("--quick", action="store_true", help="2 epochs, to see that it works")
    arguments = parser.parse_args(argv)
    epochs = 2 if arguments.quick else arguments.epochs

    torch.manual_seed(arguments.seed)
    device = torch.device(arguments.device)
    training, _ = load_digits()
    loader = DataLoader(training, batch_size=64, shuffle=True, drop_last=True)
    make, judge = generator().to(device).apply(init_weights), discriminator().to(device)
    judge.apply(init_weights)
    optimizers = [
        Adam(model.parameters(), lr=arguments.lr, betas=(0.5, 0.999)) for model in (make, judge)
    ]
    for epoch in range(1, epochs + 1):
        judge_loss, make_loss = train_pair(make, judge, loader, optimizers, device)
        if epoch % 10 == 0 or epoch == epochs:
            print(
                f"epoch {epoch:3d}/{epochs}  discriminator {judge_loss:.3f}  "
                f"generator {make_loss:.3f}"
            )
    reader = train_reader(loader, 1 if arguments.quick else 5, device)
    share, digits = judge_samples(make, reader, device)
    with torch.no_grad():
        print(as_text(make(noise(5, device)).squeeze(1)))
    print(f"{share:.0%} of the images are clearly one of {digits} digits")
    return share


if __name__ == "__main__":
    main()
