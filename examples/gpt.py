"""A small GPT that writes in the manner of Shakespeare's sonnets, letter by letter.

    python examples/gpt.py
    python examples/gpt.py --text my.txt --prompt "Once upon"

A. Radford et al., "Language models are unsupervised multitask learners" (2019): blocks of
self-attention, in which every letter sees those before it, and of two linear layers. The text
that is shipped, 29 sonnets, is very short for such a model. It is trained on nine tenths of it
and reaches 2.14 nats per letter on the last tenth (the letters' frequencies alone give 3.11, those
of pairs of letters 2.35).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gradcore as torch
import gradcore.nn.functional as F
from gradcore import nn
from gradcore.optim import AdamW
from gradcore.optim.lr_scheduler import OneCycleLR

TEXT = Path(__file__).parent / "data" / "sonnets.txt"


class Attention(nn.Module):
    """Causal self-attention with several heads: (N, T, width) to (N, T, width)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)

    def forward(self, x):
        n, t, width = x.shape
        # (N, T, 3 width) to three of (N, heads, T, width / heads)
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        dropout = self.dropout if self.training else 0.0
        seen = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True)
        return self.project(seen.transpose(1, 2).reshape(n, t, width))


class Block(nn.Module):
    """Attention and a network for each letter, both added to what comes in."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = x + self.dropout(self.attention(self.norm1(x)))
        return x + self.dropout(self.mlp(self.norm2(x)))


class GPT(nn.Module):
    """Letters (N, T) to scores (N, T, letters) of what comes after each of them."""

    def __init__(self, letters: int, context: int, width=64, layers=3, heads=4, dropout=0.2):
        super().__init__()
        self.context = context
        self.letter = nn.Embedding(letters, width)
        self.place = nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, heads, dropout) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, letters, bias=False)
        self.apply(self.init_weights)
        self.head.weight = self.letter.weight

    @staticmethod
    def init_weights(module: nn.Module) -> None:
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(self, letters):
        places = torch.arange(letters.shape[1], device=letters.device)
        x = self.letter(letters) + self.place(places)
        return self.head(self.norm(self.blocks(x)))

    @torch.no_grad()
    def write(self, letters: torch.Tensor, count: int, temperature: float) -> torch.Tensor:
        """``letters`` (1, T) and ``count`` more, each drawn by its probability."""
        self.eval()
        for _ in range(count):
            scores = self(letters[:, -self.context :])[:, -1] / temperature
            letters = torch.cat([letters, torch.multinomial(scores.softmax(1), 1)], 1)
        return letters


def loss_of(model: GPT, letters: torch.Tensor) -> torch.Tensor:
    """The mean of -log p in nats of all letters (N, T + 1) but the first of each row."""
    scores = model(letters[:, :-1])
    return F.cross_entropy(scores.flatten(0, 1), letters[:, 1:].flatten())


@torch.no_grad()
def evaluate(model: GPT, letters: torch.Tensor) -> float:
    """The loss of a whole text (T,), cut into rows as long as the model can see."""
    model.eval()
    length = model.context + 1
    rows = letters[: len(letters) // length * length].view(-1, length)
    return loss_of(model, rows).item()


def main(argv: list[str] | None = None) -> float:
    """Train, write a few lines, and return the loss on the part that was not trained on."""
    parser = argparse.ArgumentParser(description="A small GPT of letters.")
    parser.add_argument("--text", type=Path, default=TEXT, help="what to learn from")
    parser.add_argument("--prompt", default="When I ", help="the beginning of what it writes")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    parser.add_argument("--steps", type=int, default=600, help="training steps")
    parser.add_argument("--context", type=int, default=64, help="letters that the model sees")
    parser.add_argument("--lr", type=float, default=3e-3, help="learning rate of AdamW")
    parser.add_argument("--temperature", type=float, default=0.8, help="1: as it learnt")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is random")
    parser.add_argument("--quick", action="store_true", help="20 steps, to see that it works")
    arguments = parser.parse_args(argv)
    steps = 20 if arguments.quick else arguments.steps

    text = arguments.text.read_text(encoding="utf-8")
    alphabet = sorted(set(text) | set(arguments.prompt))
    number = {letter: i for i, letter in enumerate(alphabet)}
    letters = torch.tensor([number[letter] for letter in text], device=arguments.device)
    training, testing = letters.tensor_split([len(letters) * 9 // 10])

    torch.manual_seed(arguments.seed)
    context = arguments.context
    model = GPT(len(alphabet), context).to(arguments.device)
    optimizer = AdamW(model.parameters(), lr=arguments.lr, weight_decay=0.1, betas=(0.9, 0.95))
    scheduler = OneCycleLR(optimizer, arguments.lr, steps + 1, pct_start=0.1, cycle_momentum=False)
    # All rows of the text, at every letter: (T - context, context + 1), without copying.
    rows = training.unfold(0, context + 1, 1)
    for step in range(1, steps + 1):
        model.train()
        loss = loss_of(model, rows[torch.randint(len(rows), (16,))])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        if step % 100 == 0 or step == steps:
            result = evaluate(model, testing)
            print(f"step {step:4d}/{steps}  loss {loss.item():.3f}  test loss {result:.3f} nats")
    prompt = torch.tensor([[number[x] for x in arguments.prompt]], device=arguments.device)
    written = model.write(prompt, 20 if arguments.quick else 300, arguments.temperature)[0]
    print("", "".join(alphabet[i] for i in written.tolist()), sep="\n")
    return result


if __name__ == "__main__":
    main()
