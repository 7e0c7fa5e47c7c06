"""Summaries of hyperparameters, as TensorBoard's hparams plugin reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...autograd.variable import TensorBase
from .arrays import to_numpy
from .protobufs import (
    ListValue,
    Summary,
    SummaryMetadata,
    Value,
    hparams_api,
    hparams_data,
    hparams_metadata,
)


def hparams(
    hparam_dict: Mapping[str, Any] | None = None,
    metric_dict: Mapping[str, Any] | None = None,
    hparam_domain_discrete: Mapping[str, Sequence[Any]] | None = None,
) -> tuple[Summary, Summary, Summary]:
    """The experiment (names and domains), the session's values, and the session's end.

    Raises TypeError where an argument is no dict or a domain does not fit its value, ValueError
    for values other than numbers, strings, bools, one-element tensors and None (left out).
    """
    for name, value in (("hparam_dict", hparam_dict), ("metric_dict", metric_dict)):
        if not isinstance(value, dict):
            raise TypeError(f"parameter: {name} should be a dictionary, nothing logged.")
    assert hparam_dict is not None and metric_dict is not None
    domains = hparam_domain_discrete or {}
    _check_domains(domains, hparam_dict)
    infos = []
    start = hparams_data.SessionStartInfo()
    for name, value in hparam_dict.items():
        if value is None:
            continue
        field, kind, stored = _stored(value)
        setattr(start.hparams[name], field, stored)
        domain = None
        if name in domains:
            domain = ListValue(values=[Value(**{field: entry}) for entry in domains[name]])
        kind = hparams_api.DataType.Value(kind)
        infos.append(hparams_api.HParamInfo(name=name, type=kind, domain_discrete=domain))
    metrics = [
        hparams_api.MetricInfo(name=hparams_api.MetricName(tag=name)) for name in metric_dict
    ]
    experiment = hparams_api.Experiment(hparam_infos=infos, metric_infos=metrics)
    end = hparams_data.SessionEndInfo(status=hparams_api.Status.Value("STATUS_SUCCESS"))
    return (
        _summary(hparams_metadata.EXPERIMENT_TAG, experiment=experiment),
        _summary(hparams_metadata.SESSION_START_INFO_TAG, session_start_info=start),
        _summary(hparams_metadata.SESSION_END_INFO_TAG, session_end_info=end),
    )


def _check_domains(domains: Any, values: Mapping[str, Any]) -> None:
    if not isinstance(domains, dict):
        raise TypeError("parameter: hparam_domain_discrete should be a dictionary, nothing logged.")
    for name, entries in domains.items():
        fits = name in values and isinstance(entries, list)
        if not fits or not all(isinstance(entry, type(values[name])) for entry in entries):
            raise TypeError(
                f"parameter: hparam_domain_discrete[{name}] should be a list of same type as "
                f"hparam_dict[{name}]."
            )


def _stored(value: Any) -> tuple[str, str, Any]:
    """The field that holds a value, the name of its type, and the value as it is written."""
    # A bool is an int in Python, and PyTorch writes it as a number as well.
    if isinstance(value, (int, float)):
        return "number_value", "DATA_TYPE_FLOAT64", value
    if isinstance(value, str):
        return "string_value", "DATA_TYPE_STRING", value
    if isinstance(value, TensorBase):
        return "number_value", "DATA_TYPE_FLOAT64", float(to_numpy(value).reshape(-1)[0])
    raise ValueError("value should be one of int, float, str, bool, or torch.Tensor")


def _summary(tag: str, **content: Any) -> Summary:
    data = hparams_data.HParamsPluginData(version=hparams_metadata.PLUGIN_DATA_VERSION, **content)
    plugin = SummaryMetadata.PluginData(
        plugin_name=hparams_metadata.PLUGIN_NAME, content=data.SerializeToString()
    )
    return Summary(value=[Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin))])
