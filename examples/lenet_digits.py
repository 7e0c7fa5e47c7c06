"""LeNet-5, as its authors drew it in 1998, on handwritten digits.

    python examples/lenet_digits.py

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
recognition": two convolutions with tanh and average pooling, then three linear layers. The
images of 8 x 8 pixels are enlarged to the 32 x 32 that it takes. Ten epochs reach 98 % of the
test images.
"""

from __future__ import annotations

import argparse

from train_digits import accuracy, load_digits, train_epoch

import gradcore as torch
from gradcore import nn
from gradcore.optim import SGD
from gradcore.optim.lr_scheduler import OneCycleLR
from gradcore.utils.data import DataLoader


class LeNet(nn.Module):
    """(N, 1, 8, 8) to (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.enlarge = nn.Upsample(size=(32, 32), mode="bilinear")
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5),  # 6 x 28 x 28
            nn.Tanh(),
            nn.AvgPool2d(2),
            nn.Conv2d(6, 16, 5),  # 16 x 10 x 10
            nn.Tanh(),
            nn.AvgPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(16 * 5 * 5, 120),
            nn.Tanh(),
            nn.Linear(120, 84),
            nn.Tanh(),
            nn.Linear(84, 10),
        )

    def forward(self, images):
        return self.classifier(self.features(self.enlarge(images)))


def main(argv: list[str] | None = None) -> float:
    """Train, print a line per epoch, and return the accuracy on the test images."""
    parser = argparse.ArgumentParser(description="LeNet-5 on handwritten digits.")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    parser.add_argument("--epochs", type=int, default=10, help="passes over the images")
    parser.add_argument("--lr", type=float, default=0.1, help="the largest learning rate")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is random")
    parser.add_argument("--quick", action="store_true", help="one epoch, to see that it works")
    arguments = parser.parse_args(argv)
    epochs = 1 if arguments.quick else arguments.epochs

    torch.manual_seed(arguments.seed)
    device = torch.device(arguments.device)
    training, testing = load_digits()
    train_loader = DataLoader(training, batch_size=32, shuffle=True)
    test_loader = DataLoader(testing, batch_size=256)
    model = LeNet().to(device)
    criterion = nn.CrossEntropyLoss()
    optimizer = SGD(model.parameters(), lr=arguments.lr, momentum=0.9)
    scheduler = OneCycleLR(optimizer, arguments.lr, total_steps=epochs + 1, pct_start=0.3)
    for epoch in range(1, epochs + 1):
        loss = train_epoch(model, train_loader, criterion, optimizer, device)
        scheduler.step()
        correct = accuracy(model, test_loader, device)
        print(f"epoch {epoch:2d}/{epochs}  loss {loss:.4f}  test accuracy {correct:.2%}")
    return correct


if __name__ == "__main__":
    main()
