"""A variational autoencoder that learns to write digits.

    python examples/vae_digits.py

D. Kingma, M. Welling, "Auto-encoding variational Bayes" (2013): an encoder gives the mean and the
variance of eight hidden numbers for each image, a decoder makes the image of a sample of them.
The loss is the error of the picture plus how far the hidden numbers are from a standard normal
distribution. On images that were not trained on it comes to 24.0 nats; knowing nothing but the
mean of each pixel gives 27.2, and perfect pictures at no cost 13.6, as pixels are grey.
"""

from __future__ import annotations

import argparse

from pictures import as_text
from train_digits import load_digits

import gradcore as torch
import gradcore.nn.functional as F
from gradcore import nn
from gradcore.optim import Adam
from gradcore.utils.data import DataLoader

HIDDEN = 8


class VAE(nn.Module):
    """Images (N, 64) to pictures of them, and the means and log variances that stand between."""

    def __init__(self, width: int = 256) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.mean = nn.Linear(width, HIDDEN)
        self.log_variance = nn.Linear(width, HIDDEN)
        self.decoder = nn.Sequential(
            nn.Linear(HIDDEN, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
            nn.Linear(width, 64),
        )  # fmt: skip

    def forward(self, images):
        found = self.encoder(images)
        mean, log_variance = self.mean(found), self.log_variance(found)
        # Sampling by scaling noise lets gradients through to the mean and the variance.
        hidden = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        return self.decoder(hidden), mean, log_variance


def loss_of(model: VAE, images: torch.Tensor) -> torch.Tensor:
    """Error plus distance in nats, mean over the images (N, 64); pixels are shares of ink."""
    logits, mean, log_variance = model(images)
    error = F.binary_cross_entropy_with_logits(logits, images, reduction="sum")
    distance = -0.5 * torch.sum(1 + log_variance - mean**2 - log_variance.exp())
    return (error + distance) / len(images)


@torch.no_grad()
def evaluate(model: VAE, loader, device) -> float:
    """The mean loss over all images."""
    model.eval()
    total = sum(
        loss_of(model, images.flatten(1).to(device)).item() * len(images) for images, _ in loader
    )
    return total / len(loader.dataset)


def main(argv: list[str] | None = None) -> float:
    """Train, show digits that nobody wrote, and return the loss on the test images."""
    parser = argparse.ArgumentParser(description="A variational autoencoder of digits.")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    parser.add_argument("--epochs", type=int, default=60, help="passes over the images")
    parser.add_argument("--lr", type=float, default=1e-3, help="learning rate of Adam")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is random")
    parser.add_argument("--quick", action="store_true", help="3 epochs, to see that it works")
    arguments = parser.parse_args(argv)
    epochs = 3 if arguments.quick else arguments.epochs

    torch.manual_seed(arguments.seed)
    device = torch.device(arguments.device)
    training, testing = load_digits()
    train_loader = DataLoader(training, batch_size=64, shuffle=True)
    test_loader = DataLoader(testing, batch_size=360)
    model = VAE().to(device)
    optimizer = Adam(model.parameters(), lr=arguments.lr)
    for epoch in range(1, epochs + 1):
        model.train()
        for images, _ in train_loader:
            loss = loss_of(model, images.flatten(1).to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if epoch % 10 == 0 or epoch == epochs:
            result = evaluate(model, test_loader, device)
            print(f"epoch {epoch:3d}/{epochs}  loss {loss.item():.2f}  test loss {result:.2f} nats")
    with torch.no_grad():
        samples = model.decoder(torch.randn(5, HIDDEN, device=device)).sigmoid()
    print(as_text(samples.view(-1, 8, 8)))
    return result


if __name__ == "__main__":
    main()
