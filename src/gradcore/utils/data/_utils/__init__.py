"""The parts of a DataLoader, under PyTorch's names."""

from . import collate as collate
from . import fetch as fetch
from . import iterators as iterators
from . import pin_memory as pin_memory
from . import worker as worker
