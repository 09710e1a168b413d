"""What files are that foveate does not read, by their names and first bytes, and what to do about them."""

import os
import re
from dataclasses import dataclass


def _suffixes(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True)
class Kind:
    """A kind of files that are not read.

    what: in the plural. remedy: what the user may do. images: whether they hold what might be images, masks
    or annotations of the dataset.
    """

    what: str
    remedy: str
    images: bool = True


HEIC = Kind("photos in HEIC", "pip install 'foveate[heif]', or convert them to JPEG")
BROKEN = Kind("links that lead nowhere", "copy the files that they name, or remove them")
UNNAMED = Kind("images without a suffix", "give their names the suffix of their format, such as .jpg")
ANNOTATIONS = Kind("a file of annotations an image", "export masks as PNG, or annotations as COCO")
OTHER = Kind(
    "of a kind that is not read", "move them elsewhere, or convert them to PNG if they are images", False
)
OTHERS = Kind(OTHER.what, OTHER.remedy)
PACKED = Kind("archives", "unpack what belongs to the dataset", False)
PARTNERLESS = Kind("images or masks without the other, or two of one name", "add what is missing", False)
APART = Kind(
    "a folder that is not read", "give this folder by itself, or move its images to those that are read"
)
BESIDE = Kind("no table or annotation names them", "add them to it, or move them elsewhere")

_SUFFIXES = {
    HEIC: ".heic .heif .hif",
    Kind("raw photos of a camera", "develop them to JPEG, PNG or TIFF"): (
        ".dng .cr2 .cr3 .nef .nrw .arw .sr2 .raf .orf .rw2 .pef .srw .raw .3fr .iiq .x3f"
    ),
    Kind("videos", "save their frames as images, a folder for each video"): (
        ".mp4 .mov .avi .mkv .webm .m4v .mpg .mpeg .wmv .mts .m2ts .3gp .flv .ogv"
    ),
    (DICOM := Kind("DICOM", "save the slices as PNG, those of a patient in a folder of their own")): (
        ".dcm .dicom .ima"
    ),
    Kind("volumes", "save their slices as PNG, those of a volume in a folder of their own"): (
        ".nii .mha .mhd .nrrd .mgz .mnc .hdr .img"
    ),
    Kind("slides of a microscope", "save regions of them as PNG or TIFF"): (
        ".svs .ndpi .mrxs .czi .lif .vsi .scn .nd2 .oib .oir .bif .qptiff"
    ),
    Kind("arrays", "save them as images: masks as PNG of class ids"): (
        ".npz .mat .h5 .hdf5 .hdf .zarr .pkl .pickle .tfrecord .tfrecords .parquet .arrow .mdb .lmdb .nc"
    ),
    Kind("images of a format that is not read", "convert them to PNG or TIFF"): (
        ".jxl .exr .pfm .tga .dds .ico .psd .xcf .svg .eps .ai .j2k .jpx .jpf .dib .pcx .pnm .pam .ras "
        ".sgi .xpm"
    ),
    PACKED: ".zip .tar .tgz .gz .bz2 .xz .7z .rar .zst",
}
_KINDS = {suffix: kind for kind, suffixes in _SUFFIXES.items() for suffix in _suffixes(suffixes)}

TABLES = _suffixes(".csv .tsv .json .jsonl .xml .txt .yaml .yml .xls .xlsx .ods .db .sqlite")
"""Tables and texts. Layouts say themselves which of them they read, and which not."""

_KNOWN = _suffixes(
    ".md .rst .html .htm .css .js .pdf .doc .docx .odt .rtf .tex .bib .ppt .pptx .py .ipynb .m .r .sh "
    ".bat .cfg .ini .toml .log .lock .md5 .sha1 .sha256 .sha512 .sfv .asc .sig .torrent .part .tmp .bak "
    ".lnk .url .webloc .xmp .aae .thm .tfw .jgw .pgw .wld .prj .ovr .cpg .dbf .shp .shx .geojson .kml "
    ".names .data .cache .onnx .safetensors .pt .pth .ckpt"
)
_NAMES = re.compile(
    r"(readme|licen[cs]e|copying|notice|citation|change(s|log)|authors?|credits|attribution|version|about|terms|copyright"
    r"|checksums?|md5sums?|sha\d+sums?|thumbs\.db|desktop\.ini|icon\r)",
    re.IGNORECASE,
)
_MAGIC = ((0, b"\xff\xd8\xff"), (0, b"\x89PNG"), (0, b"II*\0"), (0, b"MM\0*"), (0, b"GIF8"), (8, b"WEBP"))


def suffix_of(name: str) -> str:
    """Return the suffix of a file's name as it is written.

    >>> suffix_of("a.tar.gz"), suffix_of("scan.nii.gz"), suffix_of("IM0001"), suffix_of("1.2.840")
    ('.gz', '.nii.gz', '', '')
    """
    stem, suffix = os.path.splitext(name)
    if suffix.lower() == ".gz" and stem.lower().endswith(".nii"):
        return stem[-4:] + suffix
    return "" if suffix[1:].isdigit() else suffix


def is_known(name: str) -> bool:
    """Whether a file beside a dataset is none of its images: a licence, a checksum, a script, a table.

    >>> is_known("README.txt"), is_known("LICENSE"), is_known("a.heic"), is_known("a.md5")
    (True, True, False, True)
    """
    suffix = suffix_of(name).lower()
    return suffix in _KNOWN or suffix in TABLES or bool(_NAMES.match(name))


def kind_of(path: str) -> Kind:
    """Return what a file is that is neither read nor known; a file without a suffix is looked into.

    >>> kind_of("a.HEIC").what, kind_of("scan.nii.gz").what, kind_of("a.xyz").what
    ('photos in HEIC', 'volumes', 'of a kind that is not read')
    """
    suffix = suffix_of(os.path.basename(path)).lower()
    if suffix:
        return _KINDS.get(suffix.removesuffix(".gz") or suffix, OTHER)
    try:
        with open(path, "rb") as file:
            start = file.read(132)
    except OSError:
        return OTHER
    if start[128:] == b"DICM":
        return DICOM
    if start[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1"):
        return HEIC
    return UNNAMED if any(start[at:].startswith(sign) for at, sign in _MAGIC) else OTHER
