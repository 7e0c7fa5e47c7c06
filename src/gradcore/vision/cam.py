"""Where in an image a network looks: class activation maps.

>>> cam = GradCAM(net, net.layer4)
>>> heat = cam(image)                 # (height, width), values in [0, 1]
>>> picture = overlay(image[0], heat)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import autograd, enable_grad, no_grad, relu, stack
from ..nn import Linear, Module
from ..nn import functional as F
from ..tensor.tensor import Tensor

__all__ = ["CAM", "GradCAM", "GradCAMPlusPlus", "overlay"]

_EPS = 1e-12


class _ActivationMap:
    """Runs a model on one image and makes a map of the output of one of its modules.

    Mode, hooks, gradients and ``requires_grad`` of the model are afterwards as they were.
    """

    def __init__(self, model: Module, target_layer: Module) -> None:
        if not any(module is target_layer for module in model.modules()):
            raise ValueError("target_layer is no module of the model")
        self.model = model
        self.target_layer = target_layer

    def __call__(self, input: Tensor, class_idx: int | None = None) -> Tensor:
        """The map (H, W) of the image ``input`` (1, C, H, W), its values from 0 to 1.

        ``class_idx`` is the class that is explained; None: that with the highest score.

        Raises:
            ValueError: a batch of several images, or features or scores of other shapes.
            IndexError: there is no such class.
        """
        if input.dim() != 4 or input.size(0) != 1:
            raise ValueError(f"input should be one image (1, C, H, W), got {tuple(input.shape)}")
        training = [(m, m.training) for m in self.model.modules()]
        self.model.eval()
        try:
            heat = self._map(input, class_idx)
        finally:
            for module, mode in training:
                module.training = mode
        heat = F.interpolate(
            heat[None, None], size=tuple(input.shape[2:]), mode="bilinear", align_corners=False
        )[0, 0]
        low, high = heat.min(), heat.max()
        return (heat - low) / (high - low).clamp(min=_EPS)

    def _map(self, input: Tensor, class_idx: int | None) -> Tensor:
        raise NotImplementedError

    def _run(self, input: Tensor, change: Callable[[Tensor], Tensor]) -> tuple[Any, Any]:
        """The target layer's output and the scores (classes,); ``change`` is what goes on."""
        seen: list[Any] = []

        def hook(module: Module, inputs: Any, output: Any) -> Any:
            if not isinstance(output, Tensor) or output.dim() != 4:
                raise ValueError("target_layer does not give features (1, K, h, w)")
            seen.append(output)
            return change(output)

        handle = self.target_layer.register_forward_hook(hook)
        try:
            scores = self.model(input)
        finally:
            handle.remove()
        if not seen:
            raise ValueError("target_layer was not called by the model")
        if scores.dim() != 2:
            raise ValueError(f"the model should give scores (1, classes), got {scores.shape}")
        return seen[-1], scores[0]

    def _gradient(self, input: Tensor, class_idx: int | None) -> tuple[Tensor, Tensor]:
        """The features (K, h, w) and the gradient of the class's score for them."""

        leaves: list[Tensor] = []

        def change(output: Tensor) -> Tensor:
            leaves.append(output.detach().requires_grad_())
            # What the model then does in place must not change what the gradient is for.
            return leaves[-1].clone()

        with enable_grad():
            _, scores = self._run(input, change)
            score = scores.max() if class_idx is None else scores[class_idx]
            (gradient,) = autograd.grad(score, leaves[-1])
        return leaves[-1].detach()[0], gradient[0]


class CAM(_ActivationMap):
    """Class activation mapping (arXiv:1512.04150): features weighed by the last layer's weights.

    ``target_layer`` gives the features (1, K, h, w) that global average pooling and the model's
    last ``Linear`` turn into the scores.

    Raises:
        ValueError: the last Linear does not take K inputs.
    """

    @no_grad()
    def _map(self, input: Tensor, class_idx: int | None) -> Tensor:
        features, scores = self._run(input, Tensor.clone)
        linear = [module for module in self.model.modules() if isinstance(module, Linear)]
        if not linear or linear[-1].in_features != features.size(1):
            raise ValueError(
                f"the features have {features.size(1)} channels, which the model's last Linear "
                "does not take; CAM needs a model that ends in pooling and that layer"
            )
        chosen = int(scores.argmax()) if class_idx is None else class_idx
        return (linear[-1].weight[chosen][:, None, None] * features[0]).sum(0)


class GradCAM(_ActivationMap):
    """Grad-CAM (arXiv:1610.02391): features weighed by the mean of the score's gradient.

    ``target_layer`` may be any module whose output is (1, K, h, w).
    """

    def _map(self, input: Tensor, class_idx: int | None) -> Tensor:
        features, gradient = self._gradient(input, class_idx)
        weights = gradient.mean((1, 2))
        return relu((weights[:, None, None] * features).sum(0))


class GradCAMPlusPlus(_ActivationMap):
    """Grad-CAM++ (arXiv:1710.11063): positive gradients, each place by its own weight.

    Finds several objects of one class better. With the exponential of the score as in the paper,
    the second and third derivatives are powers of the gradient.
    """

    def _map(self, input: Tensor, class_idx: int | None) -> Tensor:
        features, gradient = self._gradient(input, class_idx)
        square, cube = gradient**2, gradient**3
        divisor = 2 * square + features.sum((1, 2), keepdim=True) * cube
        alpha = square / divisor.masked_fill(divisor == 0, 1.0)
        weights = (alpha * relu(gradient)).sum((1, 2))
        return relu((weights[:, None, None] * features).sum(0))


@no_grad()
def overlay(image: Tensor, heat: Tensor, alpha: float = 0.5) -> Tensor:
    """The map as colours, from blue (0) over green to red (1), over the image.

    Args:
        image: (3, H, W) or (1, H, W); it is scaled to [0, 1], normalized images may be given.
        heat: (H, W), values in [0, 1].
        alpha: 0 shows the image alone, 1 the colours alone.

    Returns:
        (3, H, W), values in [0, 1], for ``vision.utils.save_image``.

    Raises:
        ValueError: other shapes.
    """
    if image.dim() != 3 or image.size(0) not in (1, 3):
        raise ValueError(f"image should be (1 or 3, H, W), got {tuple(image.shape)}")
    if tuple(heat.shape) != tuple(image.shape[1:]):
        raise ValueError(
            f"heat should have the image's size {tuple(image.shape[1:])}, got {tuple(heat.shape)}"
        )
    image = image.float()
    low, high = image.min(), image.max()
    image = (image - low) / (high - low).clamp(min=_EPS)
    # Each channel is a trapezoid around the place where its colour is full ("jet").
    colors = stack([(1.5 - (4 * heat - centre).abs()).clamp(0, 1) for centre in (3, 2, 1)])
    return image * (1 - alpha) + colors * alpha
