"""Grey images as text, for examples that have something to show."""

from __future__ import annotations

import gradcore as torch

SHADES = " .:-=+*#%@"


def as_text(images: torch.Tensor, columns: int = 8) -> str:
    """Images (N, height, width) in rows of ``columns``; each from its least to its largest value.

    A pixel is two letters wide, which makes it about square.
    """
    lines = []
    for row in images.detach().cpu().split(columns):
        low = row.amin((1, 2), keepdim=True)
        scale = (row.amax((1, 2), keepdim=True) - low).clamp(min=1e-9)
        shades = ((row - low) / scale * (len(SHADES) - 1)).round().long()
        for y in range(shades.shape[1]):
            line = ["".join(SHADES[i] * 2 for i in image) for image in shades[:, y].tolist()]
            lines.append("  ".join(line).rstrip())
        lines.append("")
    return "\n".join(lines)
