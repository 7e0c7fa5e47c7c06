"""Instance normalisation."""

from __future__ import annotations

import warnings
from typing import Any

from .. import functional as F
from .batchnorm import _NormBase

__all__ = ["InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"]


class _InstanceNorm(_NormBase):
    """Instance norm of (N, C, *) or (C, *); ``_ndim`` is the number of dimensions after C."""

    _ndim: int

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def _check_input_dim(self, input: Any) -> None:
        low, high = self._ndim + 1, self._ndim + 2
        if input.dim() not in (low, high):
            raise ValueError(f"expected {low}D or {high}D input (got {input.dim()}D input)")

    def _get_no_batch_dim(self) -> int:
        return self._ndim + 1

    def _apply_instance_norm(self, input: Any) -> Any:
        return F.instance_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum if self.momentum is not None else 0.0,
            self.eps,
        )

    def forward(self, input: Any) -> Any:
        self._check_input_dim(input)
        channel_dim = input.dim() - self._get_no_batch_dim()
        channels = input.size(channel_dim)
        if channels != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={channel_dim} to match num_features "
                    f"({self.num_features}), but got: {channels}."
                )
            warnings.warn(
                f"input's size at dim={channel_dim} does not match num_features. You can silence "
                "this warning by not passing in num_features, which is not used because "
                "affine=False",
                stacklevel=2,
            )
        if channel_dim == 0:
            return self._apply_instance_norm(input.unsqueeze(0)).squeeze(0)
        return self._apply_instance_norm(input)

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: dict, *rest: Any
    ) -> None:
        # Files before version 1 hold running statistics that nothing uses.
        if local_metadata.get("version") is None and not self.track_running_stats:
            names = ("running_mean", "running_var")
            keys = [prefix + name for name in names if prefix + name in state_dict]
            if keys:
                error_msgs = rest[-1]
                error_msgs.append(_unexpected_statistics(keys, type(self).__name__))
                for key in keys:
                    state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


def _unexpected_statistics(keys: list[str], name: str) -> str:
    quoted = " and ".join(f'"{key}"' for key in keys)
    return (
        f"Unexpected running stats buffer(s) {quoted} for {name} with track_running_stats=False. "
        "If state_dict is a checkpoint saved before 0.4.0, this may be expected because "
        f"{name} does not track running stats by default since 0.4.0. Please remove these keys "
        "from state_dict. If the running stats are actually needed, instead set "
        f"track_running_stats=True in {name} to enable them. See the documentation of {name} for "
        "details."
    )


class InstanceNorm1d(_InstanceNorm):
    """Normalises each channel of each sample of (N, C, L) or (C, L) (arXiv 1607.08022).

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: how far the running statistics move towards each batch's.
        affine: learn a weight (ones at first) and a bias (zeros at first) per channel.
        track_running_stats: keep running statistics, which normalise in evaluation.
        bias: learn the bias too.

    >>> nn.InstanceNorm1d(3)(torch.zeros(1, 3, 4)).shape
    torch.Size([1, 3, 4])
    """

    _ndim = 1


class InstanceNorm2d(_InstanceNorm):
    """Instance norm of (N, C, H, W) or (C, H, W); arguments as in :class:`InstanceNorm1d`.

    >>> nn.InstanceNorm2d(3)(torch.zeros(1, 3, 4, 4)).shape
    torch.Size([1, 3, 4, 4])
    """

    _ndim = 2


class InstanceNorm3d(_InstanceNorm):
    """Instance norm of (N, C, D, H, W) or (C, D, H, W); see :class:`InstanceNorm1d`.

    >>> nn.InstanceNorm3d(3)(torch.zeros(1, 3, 4, 4, 4)).shape
    torch.Size([1, 3, 4, 4, 4])
    """

    _ndim = 3
