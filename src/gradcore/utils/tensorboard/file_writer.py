"""``FileWriter``: one event file."""

from __future__ import annotations

import os
import time
from typing import Any

from .protobufs import Event, EventFileWriter, TaggedRunMetadata


class FileWriter:
    """One event file, which a thread of its own writes.

    Args:
        log_dir: the folder; made if it does not exist. OSError where nothing can be written.
        max_queue: how many events wait before ``add_…`` waits for the thread.
        flush_secs: how often they are written to the disk.
        filename_suffix: the end of the file's name.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike,
        max_queue: int = 10,
        flush_secs: float = 120,
        filename_suffix: str = "",
    ) -> None:
        log_dir = str(log_dir)
        try:
            self.event_writer = EventFileWriter(log_dir, max_queue, flush_secs, filename_suffix)
        except OSError as error:
            # OSError(errno, …) is the subclass that the number stands for: PermissionError …
            raise OSError(
                error.errno, f"cannot write event files into log_dir: {error.strerror}", log_dir
            ) from error

    def get_logdir(self) -> str:
        """The folder of the event file."""
        return self.event_writer.get_logdir()

    def add_event(self, event: Event, step: Any = None, walltime: float | None = None) -> None:
        """Write an ``Event`` of step ``step``; ``walltime`` is now by default."""
        event.wall_time = time.time() if walltime is None else walltime
        if step is not None:
            event.step = int(step)
        self.event_writer.add_event(event)

    def add_summary(self, summary: Any, global_step: Any = None, walltime: Any = None) -> None:
        """Write a ``Summary`` as an event."""
        self.add_event(Event(summary=summary), global_step, walltime)

    def add_graph(self, graph_profile: tuple[Any, Any], walltime: float | None = None) -> None:
        """Write a ``GraphDef`` and the ``RunMetadata`` that belongs to it."""
        definition, metadata = graph_profile
        self.add_event(Event(graph_def=definition.SerializeToString()), None, walltime)
        run = TaggedRunMetadata(tag="step1", run_metadata=metadata.SerializeToString())
        self.add_event(Event(tagged_run_metadata=run), None, walltime)

    def flush(self) -> None:
        """Write everything that waits to the disk."""
        self.event_writer.flush()

    def close(self) -> None:
        """Write everything that waits and close the file."""
        self.event_writer.close()
