"""What has to be set before transformers is imported: no network, no chatter.

Modules that need transformers take it from here (`from lmlaws.numerics.environment import transformers`):
Hugging Face's libraries read the variables below once, at import.
"""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import transformers
from transformers.utils import logging as _logging

_logging.set_verbosity_error()
_logging.disable_progress_bar()

__all__ = ["transformers"]
