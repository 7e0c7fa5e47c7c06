"""What gradcore uses of the package tensorboard: its protocol buffers and its event writer.

This is the one place that imports it, so that its absence has one message.
"""

from __future__ import annotations

try:
    from google.protobuf import text_format
    from google.protobuf.struct_pb2 import ListValue, Value
    from tensorboard.compat import tf
    from tensorboard.compat.proto.attr_value_pb2 import AttrValue
    from tensorboard.compat.proto.config_pb2 import RunMetadata
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog, TaggedRunMetadata
    from tensorboard.compat.proto.graph_pb2 import GraphDef
    from tensorboard.compat.proto.node_def_pb2 import NodeDef
    from tensorboard.compat.proto.step_stats_pb2 import DeviceStepStats, StepStats
    from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.compat.proto.versions_pb2 import VersionDef
    from tensorboard.plugins.custom_scalar import layout_pb2 as layouts
    from tensorboard.plugins.hparams import api_pb2 as hparams_api
    from tensorboard.plugins.hparams import metadata as hparams_metadata
    from tensorboard.plugins.hparams import plugin_data_pb2 as hparams_data
    from tensorboard.plugins.mesh import metadata as mesh_metadata
    from tensorboard.plugins.mesh.plugin_data_pb2 import MeshPluginData
    from tensorboard.plugins.pr_curve.plugin_data_pb2 import PrCurvePluginData
    from tensorboard.plugins.projector.projector_config_pb2 import EmbeddingInfo, ProjectorConfig
    from tensorboard.plugins.text.plugin_data_pb2 import TextPluginData
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
    from tensorboard.summary.writer.record_writer import RecordWriter
except ImportError as error:
    raise ImportError(
        'gradcore.utils.tensorboard needs tensorboard: pip install "gradcore[tensorboard]" '
        f"({error})",
        name="tensorboard",
    ) from error

__all__ = [
    "AttrValue",
    "DeviceStepStats",
    "EmbeddingInfo",
    "Event",
    "EventFileWriter",
    "GraphDef",
    "HistogramProto",
    "ListValue",
    "MeshPluginData",
    "NodeDef",
    "PrCurvePluginData",
    "ProjectorConfig",
    "RecordWriter",
    "RunMetadata",
    "SessionLog",
    "StepStats",
    "Summary",
    "SummaryMetadata",
    "TaggedRunMetadata",
    "TensorProto",
    "TensorShapeProto",
    "TextPluginData",
    "Value",
    "VersionDef",
    "hparams_api",
    "hparams_data",
    "hparams_metadata",
    "layouts",
    "mesh_metadata",
    "text_format",
    "tf",
]
