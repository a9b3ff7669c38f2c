"""Reports of evaluations, which are files in a run's folder: events only say where."""

from __future__ import annotations

import logging
import re

from trainer_core.evals.classes import ClassReport
from trainer_core.files.layout import RunDirectory

_PLACE = re.compile(r"eval/step-\d{8,13}\.json")
_LARGEST = 2**25
"""Bytes; the report on a thousand classes takes two thirds of it, if each was taken for every other."""

log = logging.getLogger(__name__)


def read_report(directory: RunDirectory, place: str) -> ClassReport | None:
    """The report at `place`, relative to the run's folder; None if it is not there, or is none."""
    if not _PLACE.fullmatch(place):
        return None
    file = directory.path / place
    try:
        if (size := file.stat().st_size) > _LARGEST:
            log.warning("the report %s of %s is not read: it has %d bytes", place, directory.name, size)
            return None
        return ClassReport.model_validate_json(file.read_bytes())
    except (OSError, ValueError) as error:
        log.warning("the report %s of %s cannot be read: %s", place, directory.name, type(error).__name__)
        return None
