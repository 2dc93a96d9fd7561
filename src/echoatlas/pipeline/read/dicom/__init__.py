"""DICOM: bytes to a scan."""
