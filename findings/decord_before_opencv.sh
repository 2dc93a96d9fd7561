#!/usr/bin/env bash
# decord, OpenCV, imagecodecs: who imports decord first can't read PNG any more.
#
# decord 0.6.0, decord2 3.4.0, opencv-python-headless 5.0.0.93, imagecodecs 2026.3.6, pillow 13.0.0, numpy 2.4.6,
# seen 2026-12-01.
# decord's wheel brings zlib 1.2.3 and opens it for the whole process to see, so that libraries which are
# loaded later take it for their own. Video trainers import it beside OpenCV, which reads masks and frames,
# and import sorters put it first where a module's own imports stand before OpenCV's.
#                       decord first               decord later            decord2 first
#   OpenCV, PNG         None, "bad parameters to   the picture             the picture
#                       zlib" from libpng
#   imagecodecs, PNG    PngError                   the picture, if PNG     the picture
#                                                  was asked for before
#   Pillow, PNG         the picture                the picture             the picture
# What writes PNG still works, so that a program can't read what it has just written. imagecodecs loads each
# codec when it is first asked for: importing imagecodecs itself first does not help.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/seen.py" <<'PROGRAM'
import io
import sys

order = sys.argv[1]
if order == "first":
    import decord
import cv2
import imagecodecs
import numpy as np
from PIL import Image

if order == "asked":
    imagecodecs.png_encode
if order in ("later", "asked"):
    import decord

gray = np.full((8, 8), 7, np.uint8)
by_opencv = cv2.imencode(".png", gray)[1]


def told(read):
    try:
        found = read()
    except imagecodecs.PngError as error:
        return f"PngError: {error}"
    return "None" if found is None else "read" if np.array_equal(found, gray) else "other"


print(
    told(lambda: cv2.imdecode(by_opencv, -1)),
    told(lambda: imagecodecs.png_decode(by_opencv.tobytes())),
    told(lambda: np.asarray(Image.open(io.BytesIO(by_opencv.tobytes())))),
    sep=" | ",
)
PROGRAM
common=(opencv-python-headless==5.0.0.93 imagecodecs==2026.3.6 pillow==13.0.0 numpy==2.4.6)
for name in decord==0.6.0 decord2==3.4.0; do
  python3 -m venv "$work/${name%%=*}"
  "$work/${name%%=*}/bin/pip" install --quiet "${common[@]}" "$name"
done
failed="PngError: bad parameters to zlib"
check() {
  got=$("$work/$1/bin/python" "$work/seen.py" "$2" 2>/dev/null)
  echo "$1, $2: OpenCV | imagecodecs | Pillow = $got"
  [ "$got" = "$3" ] || { echo "seen otherwise before: $3"; exit 1; }
}
check decord first "None | $failed | read"
check decord later "read | $failed | read"
check decord asked "read | read | read"
check decord2 first "read | read | read"
