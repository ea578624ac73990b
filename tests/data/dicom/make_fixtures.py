"""Makes fixtures/ and golden.json: small DICOM files of every transfer syntax, and what other programs read in them.

Run it where dcmtk, gdcm's tools and openjph-tools are installed, with pydicom, pylibjpeg (libjpeg, openjpeg, rle),
imagecodecs, Pillow and numpy: python make_fixtures.py. Tests need none of these, only what it wrote.
"""

import json
import subprocess
from io import BytesIO
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import ExplicitVRLittleEndian

HERE = Path(__file__).parent
OUT = HERE / "fixtures"
UID = "1.2.826.0.1.3680043.8.498."
HTJ2K = "1.2.840.10008.1.2.4."
ROWS, COLUMNS = 24, 36
LOSSY = ("50", "51", "81", "91", "203")


def pixels() -> np.ndarray:
    """A film of 12 bits: broad shadows, an edge and noise."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    film = 1200 + 40 * x + 25 * y + 700 * np.sin(x / 5) * np.cos(y / 4) + random.normal(0, 30, x.shape)
    film[6:14, 9:20] += 900
    return np.clip(film, 0, 4095).round().astype(np.int64)


def write(name: str, film: np.ndarray, *, bits: int = 12, signed: bool = False, shift: int = 0, **more) -> Path:
    """A file in explicit little endian; `shift`: how far the values lie above the lowest bit."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    meta.MediaStorageSOPInstanceUID = UID + str(sum(name.encode()))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID + "1"
    ds = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID = meta.MediaStorageSOPClassUID
    ds.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    ds.StudyInstanceUID, ds.SeriesInstanceUID = UID + "2", UID + "3"
    ds.PatientID, ds.PatientName, ds.AccessionNumber = "P-0017", "Roe^Jane", "A-4711"
    ds.PatientAge, ds.PatientSex, ds.Modality, ds.ViewPosition = "058Y", "F", "DX", "PA"
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = *film.shape, 1, "MONOCHROME2"
    ds.BitsAllocated = 8 if bits <= 8 else 16
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = bits, bits - 1 + shift, int(signed)
    word = f"u{ds.BitsAllocated // 8}"
    values = (film.astype(np.int64) & ((1 << bits) - 1)) << shift
    if shift:
        values |= np.arange(film.size).reshape(film.shape) % (1 << shift)  # an overlay in the bits below
    ds.PixelData = values.astype(word).tobytes()
    ds["PixelData"].VR = "OB" if bits <= 8 else "OW"
    for keyword, value in more.items():
        setattr(ds, keyword, value)
    path = OUT / f"{name}.dcm"
    ds.save_as(path, enforce_file_format=True)
    return path


def run(*command) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


def wrap(source: Path, name: str, frame: bytes, syntax: str) -> None:
    """A frame of another program's in the header of `source`."""
    ds = pydicom.dcmread(source)
    ds.file_meta.TransferSyntaxUID = syntax
    ds.PixelData = encapsulate([frame])
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    ds.save_as(OUT / f"{name}.dcm")


def rpcl(film: np.ndarray) -> bytes:
    """HTJ2K with the progression RPCL, by OpenJPH."""
    image, frame = OUT / "film.pgm", OUT / "film.j2c"
    image.write_bytes(b"P5 %d %d 4095\n" % (COLUMNS, ROWS) + film.astype(">u2").tobytes())
    run("ojph_compress", "-i", image, "-o", frame, "-reversible", "true", "-prog_order", "RPCL")
    data = frame.read_bytes()
    image.unlink()
    frame.unlink()
    return data


def syntaxes(base: str, film: np.ndarray) -> None:
    """Every syntax of one film; lossy ones where they can hold it."""
    raw, bits = OUT / f"{base}.dcm", pydicom.dcmread(OUT / f"{base}.dcm").BitsStored
    out = lambda syntax: OUT / f"{base}-{syntax}.dcm"
    run("dcmconv", "+ti", raw, out("implicit"))
    run("dcmconv", "+tb", raw, out("big"))
    run("dcmconv", "+td", raw, out("deflated"))
    run("dcmcrle", raw, out("rle"))
    run("dcmcjpeg", "+el", "+sv", "6", raw, out("57"))
    run("dcmcjpeg", "+e1", raw, out("70"))
    run("dcmcjpls", "+el", raw, out("80"))
    run("gdcmconv", "--j2k", raw, out("90"))
    wrap(raw, f"{base}-201", imagecodecs.htj2k_encode(film, reversible=True), HTJ2K + "201")
    if base.startswith("signed"):
        return
    run("dcmcjpls", "+en", "+md", "2", raw, out("81"))
    run("gdcmconv", "--j2k", "--lossy", "-q", "60", raw, out("91"))
    wrap(raw, f"{base}-203", imagecodecs.htj2k_encode(film, reversible=False), HTJ2K + "203")
    if bits == 12:
        wrap(raw, f"{base}-202", rpcl(film), HTJ2K + "202")
    if bits <= 12:
        run("dcmcjpeg", "+ee", "+q", "95", raw, out("51"))
    if bits == 8:
        run("dcmcjpeg", "+eb", "+q", "95", raw, out("50"))


def low(film: np.ndarray, axis: int) -> np.ndarray:
    """The lower half of a reversible 5/3 decomposition along one axis (ISO/IEC 15444-1 F.4.8.1), ends mirrored."""
    film = np.moveaxis(film, axis, 0)
    last = len(film) - 1
    at = lambda i: film[abs(i) if i <= last else 2 * last - i]
    high = {i: at(i) - ((at(i - 1) + at(i + 1)) >> 1) for i in range(-1, last + 2, 2)}
    return np.moveaxis(np.array([at(i) + ((high[i - 1] + high[i + 1] + 2) >> 2) for i in range(0, last + 1, 2)]), 0, axis)


def levels() -> dict[str, list[list[int]]]:
    """Films of three JPEG 2000 levels, and their stored values after each halving as Pillow reads them."""
    random = np.random.default_rng(2)
    y, x = np.mgrid[0:67, 0:83]
    film = 1200 + 15 * x + 9 * y + 700 * np.sin(x / 9) * np.cos(y / 7) + random.normal(0, 30, x.shape)
    film[15:40, 20:45] += 900
    film = np.clip(film, 0, 4095).round().astype("u2")
    found = {}
    raw = write("levels", film, WindowCenter=2048, WindowWidth=4096)
    for syntax, coding in [("90", {"level": 0, "reversible": True}), ("91", {"level": 48, "reversible": False})]:
        frame = imagecodecs.jpeg2k_encode(film, resolutions=4, codecformat="j2k", bitspersample=12, **coding)
        wrap(raw, f"levels-{syntax}", frame, HTJ2K + syntax)
        expected = film.astype(int) - 2048
        for halvings in (1, 2):
            with Image.open(BytesIO(frame)) as image:
                image.reduce = halvings
                values = np.array(image).astype(int) >> 4  # Pillow fills 16 bits
            if syntax == "90":
                expected = low(low(expected, 0), 1)
                assert np.array_equal(values, np.clip(expected + 2048, 0, 4095))
            found.setdefault(f"levels-{syntax}", []).append(values.ravel().tolist())
    raw.unlink()
    return found


def lut(entries: np.ndarray, first: int, bits: int) -> Dataset:
    item = Dataset()
    item.add_new(0x00283002, "US", [len(entries) % 65536, first, bits])
    item.add_new(0x00283006, "US", entries.tolist())
    return item


def shown(path: Path) -> np.ndarray:
    """Grey levels by pydicom's own steps, with the rules that the page states for what DICOM leaves open."""
    ds = pydicom.dcmread(path)
    stored = ds.pixel_array.astype(np.int64)
    if ds.HighBit != ds.BitsStored - 1:  # pydicom takes the lowest bits whatever the highest is
        words = np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns).astype(np.int64)
        stored = (words >> (ds.HighBit + 1 - ds.BitsStored)) & ((1 << ds.BitsStored) - 1)
    padding = np.zeros(stored.shape, bool)
    if "PixelPaddingValue" in ds:
        ends = sorted([ds.PixelPaddingValue, ds.get("PixelPaddingRangeLimit", ds.PixelPaddingValue)])
        padding = (stored >= ends[0]) & (stored <= ends[1])
    values = apply_modality_lut(stored, ds).astype(np.float64)
    if "VOILUTSequence" in ds:
        table = apply_voi_lut(values.round().astype(np.int64), ds, index=0)
        grey = table / (2 ** ds.VOILUTSequence[0].LUTDescriptor[2] - 1)
    elif "WindowCenter" in ds:
        # pydicom's window gives values of the range of the rescaled pixels.
        slope, intercept = float(ds.get("RescaleSlope", 1)), float(ds.get("RescaleIntercept", 0))
        low = -(2 ** (ds.BitsStored - 1)) if ds.PixelRepresentation else 0
        ends = [slope * v + intercept for v in (low, low + 2**ds.BitsStored - 1)]
        if "ModalityLUTSequence" in ds:
            ends = [0, 2 ** ds.ModalityLUTSequence[0].LUTDescriptor[2] - 1]
        grey = (apply_voi_lut(values, ds, index=0) - min(ends)) / (max(ends) - min(ends))
    elif ds.BitsStored <= 8:
        grey = values / (2**ds.BitsStored - 1)
    else:
        low, high = np.percentile(values[~padding], [0.5, 99.5], method="inverted_cdf")
        grey = (values - low) / (high - low)
    grey = np.clip(grey, 0, 1)
    if ds.PhotometricInterpretation == "MONOCHROME1" or ds.get("PresentationLUTShape") == "INVERSE":
        grey = 1 - grey
    return np.where(padding, 0, np.floor(255 * grey + 0.5)).astype(int)


def chains(film: np.ndarray) -> list[Path]:
    """Files whose values take each way to the screen."""
    window = {"WindowCenter": 2000, "WindowWidth": 1800}
    gamma = (65535 * (np.arange(3000) / 2999) ** 0.6).round().astype(int)
    padded = film.copy()
    padded[:, :3], padded[:, 33:] = 4095, 4094
    return [
        write("window", film, **window),
        write("window-exact", film, **window, VOILUTFunction="LINEAR_EXACT"),
        write("window-sigmoid", film, **window, VOILUTFunction="SIGMOID"),
        write("windows", film, WindowCenter=[1500, 3000], WindowWidth=[900, 200]),
        write("rescaled", film, RescaleSlope="0.5", RescaleIntercept="-300", WindowCenter=700, WindowWidth=900),
        write("signed", film - 2048, signed=True, WindowCenter=-100, WindowWidth=2500),
        write("inverted", film, **window, PhotometricInterpretation="MONOCHROME1"),
        write("inverse-shape", film, **window, PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE"),
        write("padded", padded, **window, PixelPaddingValue=4095, PixelPaddingRangeLimit=4094),
        write("padded-inverted", padded, PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=4095),
        write("voi-lut", film, VOILUTSequence=[lut(gamma, 600, 16)], **window),
        write("modality-lut", film, ModalityLUTSequence=[lut(np.arange(4096) // 2, 0, 16)], WindowCenter=900, WindowWidth=900),
        write("no-window", film),
        write("eight-bits", film >> 4, bits=8),
        write("high-bits", film, shift=4, **window),
    ]


def main() -> None:
    OUT.mkdir(exist_ok=True)
    for old in OUT.glob("*.dcm"):
        old.unlink()
    film = pixels()
    for base, values, options in [
        ("deep", film, {}),
        ("byte", film >> 4, {"bits": 8}),
        ("wide", film * 16, {"bits": 16}),
        ("signed-deep", film - 2048, {"signed": True}),
    ]:
        write(base, values, **options)
        syntaxes(base, values.astype("i2" if "signed" in options else "u1" if options.get("bits") == 8 else "u2"))
    golden = {"stored": {}, "shown": {}}
    for path in sorted(OUT.glob("*.dcm"), key=lambda path: len(path.stem)):
        base, _, syntax = path.stem.removeprefix("signed-").partition("-")
        decoded = pydicom.dcmread(path).pixel_array.astype(int)
        if path.stem == "signed-deep-80":
            decoded = (decoded + 2048) % 4096 - 2048  # pydicom does not carry the sign of 12 bits on here
        values = decoded.ravel().tolist()
        if syntax in ("", *LOSSY):
            golden["stored"][path.stem] = values
        else:
            assert values == golden["stored"][path.stem.removesuffix(f"-{syntax}")], path
    for path in chains(film):
        golden["shown"][path.stem] = shown(path).ravel().tolist()
    golden["levels"] = levels()
    (HERE / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


main()
