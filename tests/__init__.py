"""The proof: mirrors the rooms of the source."""

import os
import sys

# Where the environment forbids it, each of the many processes that tests start would compile the
# whole product and all its libraries anew, which takes longer than most of what they are to do
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
