"""The hospital's command: files in, clean files and a report out, no lake."""

import echoatlas.pipeline.read.dicom  # noqa: F401  (first: it forgoes what pydicom loads in vain)
