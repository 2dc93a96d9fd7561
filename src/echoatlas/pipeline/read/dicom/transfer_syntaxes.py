"""The transfer syntaxes of DICOM (PS3.6 table A-1, edition 2026d): how the pixels of each lie.

The one place that knows them: reader, writer, the ranking of duplicates and the simulator ask here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

STANDARD = "1.2.840.10008.1.2"


@dataclass(frozen=True, slots=True)
class TransferSyntax:
    """How a file is written.

    Attributes:
        keyword: the standard's.
        codec: "native" where pixels lie in the open; "uncompressed", "deflated" and "rle" for
            frames that are bare samples once unpacked; "jpeg", "jpegls", "jpeg2k" and "jpegxl" for
            codestreams; "mpeg2", "h264" and "hevc" for video, one stream of all frames; empty
            where it is not read.
        lossy: pixels were changed by it, or may have been.
        why: it is not read, a sentence; empty where it is.
    """

    uid: str
    keyword: str
    codec: str
    lossy: bool = False
    why: str = ""

    @property
    def video(self) -> bool:
        return self.codec in ("mpeg2", "h264", "hevc")

    @property
    def native(self) -> bool:
        return self.codec == "native"

    @property
    def bare(self) -> bool:
        """Frames are encapsulated, and have no head that says their size."""
        return self.codec in ("uncompressed", "deflated", "rle")


LOSSY = True
ARITHMETIC = "JPEG with arithmetic coding is not read; export it as JPEG Baseline"
HIERARCHICAL = "hierarchical JPEG is not read; export it as JPEG Baseline"
ELSEWHERE = "the pictures lie on a JPIP server; export them with their pixels"
STREAMED = "this is a stream in real time, not a file of pictures"
DOCUMENT = "this is a retired encoding of documents, not of pictures"


def _fragmentable(end: str, keyword: str, codec: str) -> tuple[TransferSyntax, TransferSyntax]:
    """A video syntax of one fragment, and its twin of any number (PS3.5 8.2.5 to 8.2.9)."""
    return (
        TransferSyntax(f"{STANDARD}.{end}", keyword, codec, LOSSY),
        TransferSyntax(f"{STANDARD}.{end}.1", f"{keyword}F", codec, LOSSY),
    )


def _one(
    end: str, keyword: str, codec: str = "", lossy: bool = False, why: str = ""
) -> TransferSyntax:
    return TransferSyntax(f"{STANDARD}.{end}" if end else STANDARD, keyword, codec, lossy, why)


TRANSFER_SYNTAXES: tuple[TransferSyntax, ...] = (
    _one("", "ImplicitVRLittleEndian", "native"),
    _one("1", "ExplicitVRLittleEndian", "native"),
    _one("1.98", "EncapsulatedUncompressedExplicitVRLittleEndian", "uncompressed"),
    _one("1.99", "DeflatedExplicitVRLittleEndian", "native"),
    _one("2", "ExplicitVRBigEndian", "native"),
    # Of General Electric, private: implicit little endian, but for pixels, which are big endian.
    TransferSyntax("1.2.840.113619.5.2", "GEPrivateImplicitVRBigEndian", "native"),
    _one("4.50", "JPEGBaseline8Bit", "jpeg", LOSSY),
    _one("4.51", "JPEGExtended12Bit", "jpeg", LOSSY),
    _one("4.52", "JPEGExtended35", lossy=LOSSY, why=ARITHMETIC),
    _one("4.53", "JPEGSpectralSelectionNonHierarchical68", "jpeg", LOSSY),
    _one("4.54", "JPEGSpectralSelectionNonHierarchical79", lossy=LOSSY, why=ARITHMETIC),
    _one("4.55", "JPEGFullProgressionNonHierarchical1012", "jpeg", LOSSY),
    _one("4.56", "JPEGFullProgressionNonHierarchical1113", lossy=LOSSY, why=ARITHMETIC),
    _one("4.57", "JPEGLossless", "jpeg"),
    _one("4.58", "JPEGLosslessNonHierarchical15", why=ARITHMETIC),
    _one("4.59", "JPEGExtendedHierarchical1618", lossy=LOSSY, why=HIERARCHICAL),
    _one("4.60", "JPEGExtendedHierarchical1719", lossy=LOSSY, why=HIERARCHICAL),
    _one("4.61", "JPEGSpectralSelectionHierarchical2022", lossy=LOSSY, why=HIERARCHICAL),
    _one("4.62", "JPEGSpectralSelectionHierarchical2123", lossy=LOSSY, why=HIERARCHICAL),
    _one("4.63", "JPEGFullProgressionHierarchical2426", lossy=LOSSY, why=HIERARCHICAL),
    _one("4.64", "JPEGFullProgressionHierarchical2527", lossy=LOSSY, why=HIERARCHICAL),
    _one("4.65", "JPEGLosslessHierarchical28", why=HIERARCHICAL),
    _one("4.66", "JPEGLosslessHierarchical29", why=HIERARCHICAL),
    _one("4.70", "JPEGLosslessSV1", "jpeg"),
    _one("4.80", "JPEGLSLossless", "jpegls"),
    _one("4.81", "JPEGLSNearLossless", "jpegls", LOSSY),
    _one("4.90", "JPEG2000Lossless", "jpeg2k"),
    _one("4.91", "JPEG2000", "jpeg2k", LOSSY),
    _one("4.92", "JPEG2000MCLossless", "jpeg2k"),
    _one("4.93", "JPEG2000MC", "jpeg2k", LOSSY),
    _one("4.94", "JPIPReferenced", lossy=LOSSY, why=ELSEWHERE),
    _one("4.95", "JPIPReferencedDeflate", lossy=LOSSY, why=ELSEWHERE),
    *_fragmentable("4.100", "MPEG2MPML", "mpeg2"),
    *_fragmentable("4.101", "MPEG2MPHL", "mpeg2"),
    *_fragmentable("4.102", "MPEG4HP41", "h264"),
    *_fragmentable("4.103", "MPEG4HP41BD", "h264"),
    *_fragmentable("4.104", "MPEG4HP422D", "h264"),
    *_fragmentable("4.105", "MPEG4HP423D", "h264"),
    *_fragmentable("4.106", "MPEG4HP42STEREO", "h264"),
    _one("4.107", "HEVCMP51", "hevc", LOSSY),
    _one("4.108", "HEVCM10P51", "hevc", LOSSY),
    _one("4.110", "JPEGXLLossless", "jpegxl"),
    _one("4.111", "JPEGXLJPEGRecompression", "jpegxl", LOSSY),  # as the JPEG within
    _one("4.112", "JPEGXL", "jpegxl", LOSSY),
    _one("4.201", "HTJ2KLossless", "jpeg2k"),
    _one("4.202", "HTJ2KLosslessRPCL", "jpeg2k"),
    _one("4.203", "HTJ2K", "jpeg2k", LOSSY),
    _one("4.204", "JPIPHTJ2KReferenced", lossy=LOSSY, why=ELSEWHERE),
    _one("4.205", "JPIPHTJ2KReferencedDeflate", lossy=LOSSY, why=ELSEWHERE),
    _one("5", "RLELossless", "rle"),
    _one("6.1", "RFC2557MIMEEncapsulation", why=DOCUMENT),
    _one("6.2", "XMLEncoding", why=DOCUMENT),
    _one("7.1", "SMPTEST211020UncompressedProgressiveActiveVideo", why=STREAMED),
    _one("7.2", "SMPTEST211020UncompressedInterlacedActiveVideo", why=STREAMED),
    _one("7.3", "SMPTEST211030PCMDigitalAudio", why=STREAMED),
    _one("8.1", "DeflatedImageFrameCompression", "deflated"),
)
BY_UID = {one.uid: one for one in TRANSFER_SYNTAXES}
BY_KEYWORD = {one.keyword: one for one in TRANSFER_SYNTAXES}
UNKNOWN = TransferSyntax("", "", "", LOSSY, "the transfer syntax is not one that is read")


def transfer_syntax(uid: str) -> TransferSyntax:
    """What is known of a UID; ``UNKNOWN`` of one that is not in the table."""
    return BY_UID.get(uid, UNKNOWN)


def uids(accepts: Callable[[TransferSyntax], bool]) -> frozenset[str]:
    """The UIDs of the syntaxes that a question is true of."""
    return frozenset(one.uid for one in TRANSFER_SYNTAXES if accepts(one))
