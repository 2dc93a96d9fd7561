#!/usr/bin/env bash
# libjxl: a JPEG that was recompressed to JPEG XL without loss decodes to other pixels than the JPEG.
#
# imagecodecs 2026.3.6 (libjxl 0.11.2) with Pillow 12.0.0, seen 2026-11-29.
# A baseline JPEG of speckle becomes JPEG XL (DICOM's transfer syntax 1.2.840.10008.1.2.4.111) and back
# to the same bytes, every one. Decoding that JPEG XL as a picture differs from decoding the JPEG in half
# to three quarters of all samples: by up to 4 levels in gray at quality 90, 10 at 75, and 16 in color
# at 75 with 4:2:0, since libjxl has an inverse transform and an upsampling of its own.
# So an archive that migrates "losslessly" yields scans whose pixels, digests and hashes differ from
# those of the originals. Who wants the same pixels has to restore the JPEG first and decode that.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet imagecodecs==2026.3.6 pillow==12.0.0 numpy==2.4.0
cd "$work"
venv/bin/python - <<'PROGRAM'
import io

import imagecodecs
import numpy as np
from PIL import Image

speckle = np.clip(np.random.default_rng(0).rayleigh(60, (480, 640)), 0, 255).astype(np.uint8)
flow = np.repeat(speckle[..., None], 3, axis=2)
flow[100:200, 100:300], flow[200:300, 100:300] = (255, 0, 0), (0, 0, 255)


def compared(picture, quality, **how):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality, **how)
    jpeg = file.getvalue()
    packed = imagecodecs.jpegxl_encode_jpeg(jpeg)
    restored = imagecodecs.jpegxl_decode_jpeg(packed)
    direct = imagecodecs.jpegxl_decode(packed).astype(int)
    apart = np.abs(direct - np.asarray(Image.open(io.BytesIO(jpeg))).astype(int))
    return restored == jpeg, int(apart.max()), float((apart > 0).mean())


tried = {
    "gray, quality 90": (compared(speckle, 90), 4, 0.56),
    "gray, quality 75": (compared(speckle, 75), 10, 0.77),
    "color, quality 90, 4:4:4": (compared(flow, 90, subsampling=0), 7, 0.50),
    "color, quality 75, 4:2:0": (compared(flow, 75, subsampling=2), 16, 0.71),
}
for name, ((same, most, share), most_seen, share_seen) in tried.items():
    print(f"{name:25} restored: {same}; decoded: up to {most} levels, {share:.0%} of samples differ")
    if not same or most != most_seen or abs(share - share_seen) > 0.02:
        raise SystemExit(f"changed: seen was up to {most_seen} levels in {share_seen:.0%}")
PROGRAM
echo "as described"
