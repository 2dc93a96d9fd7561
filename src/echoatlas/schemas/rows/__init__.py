"""The rows of the lake's tables: one frozen dataclass a table, one described field a column.

Arrow schemas (``tables``) and the data dictionary are derived from these. Nothing here may hold
PHI. ``subject`` marks columns that speak of one patient: they get no file statistics, so that an
erasure leaves no trace of them. No row holds a clock time: the same input gives the same rows.
"""
