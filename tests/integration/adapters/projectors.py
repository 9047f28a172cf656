"""Multimodal projectors of random weights, and small images: what tests need to take llama.cpp's
real way from an image to a model's tokens. They see nothing; no quality can be claimed."""

import struct
import zlib

import numpy as np

WIDTH, HEADS, SIDE, PATCH = 32, 2, 64, 16
PATCHES = (SIDE // PATCH) ** 2


def projector(path, *, kind="mlp", width=576, vision=True, architecture="clip", lacking=()):
    """Write a projector whose output is `width` wide. ``mlp`` (LLaVA) makes one token a patch,
    16 an image; ``gemma3`` pools them to 4, and the model attends to an image as a whole."""
    tensors = {name: t for name, t in _tensors(kind, width).items() if name not in lacking}
    pairs = {
        "general.architecture": architecture,
        "general.type": "mmproj",
        "clip.has_vision_encoder": vision,
        "clip.has_audio_encoder": not vision,
        "clip.projector_type": kind,
        "clip.use_gelu": True,
        "clip.vision.image_size": SIDE,
        "clip.vision.patch_size": PATCH,
        "clip.vision.embedding_length": WIDTH,
        "clip.vision.feed_forward_length": 2 * WIDTH,
        "clip.vision.block_count": 2,
        "clip.vision.projection_dim": width,
        "clip.vision.projector.scale_factor": 2,
        "clip.vision.attention.head_count": HEADS,
        "clip.vision.attention.layer_norm_epsilon": 1e-6,
        "clip.vision.image_mean": [0.5, 0.5, 0.5],
        "clip.vision.image_std": [0.5, 0.5, 0.5],
    }
    path.write_bytes(_gguf(pairs, tensors))
    return path


def _tensors(kind, width):
    # Shapes as numpy has them: the reverse of ggml's.
    shapes = {
        "v.patch_embd.weight": (WIDTH, 3, PATCH, PATCH),
        "v.patch_embd.bias": (WIDTH,),
        "v.position_embd.weight": (PATCHES, WIDTH),
        "v.post_ln.weight": (WIDTH,),
        "v.post_ln.bias": (WIDTH,),
    }
    for i in range(2):
        block = f"v.blk.{i}"
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            shapes |= {f"{block}.{name}.weight": (WIDTH, WIDTH), f"{block}.{name}.bias": (WIDTH,)}
        for name in ("ln1", "ln2"):
            shapes |= {f"{block}.{name}.weight": (WIDTH,), f"{block}.{name}.bias": (WIDTH,)}
        shapes |= {
            f"{block}.ffn_up.weight": (2 * WIDTH, WIDTH),
            f"{block}.ffn_up.bias": (2 * WIDTH,),
            f"{block}.ffn_down.weight": (WIDTH, 2 * WIDTH),
            f"{block}.ffn_down.bias": (WIDTH,),
        }
    if kind == "gemma3":
        shapes |= {
            "mm.input_projection.weight": (WIDTH, width),
            "mm.soft_emb_norm.weight": (WIDTH,),
        }
    elif kind == "idefics3":
        shapes |= {"mm.model.fc.weight": (width, 4 * WIDTH)}
    else:
        shapes |= {
            "mm.0.weight": (width, WIDTH),
            "mm.0.bias": (width,),
            "mm.2.weight": (width, width),
            "mm.2.bias": (width,),
        }
    random = np.random.default_rng(7)
    scale = 0.3  # large enough that one image moves the answer from another's
    return {name: random.normal(0, scale, shape).astype("<f4") for name, shape in shapes.items()}


def _gguf(pairs, tensors):
    """A GGUF file, version 3, of 32-bit floats."""
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(pairs))
    for key, value in pairs.items():
        head += _string(key) + _value(value)
    data = b""
    for name, tensor in tensors.items():
        shape = struct.pack(f"<I{tensor.ndim}Q", tensor.ndim, *reversed(tensor.shape))
        head += _string(name) + shape + struct.pack("<IQ", 0, len(data))
        data += tensor.tobytes() + bytes(-tensor.nbytes % 32)
    return head + bytes(-len(head) % 32) + data


def _string(text):
    return struct.pack("<Q", len(text)) + text.encode()


def _value(value):
    match value:
        case bool():
            return struct.pack("<I?", 7, value)
        case int():
            return struct.pack("<II", 4, value)
        case float():
            return struct.pack("<If", 6, value)
        case list():
            return struct.pack(f"<IIQ{len(value)}f", 9, 6, len(value), *value)
        case _:
            return struct.pack("<I", 8) + _string(value)


def pixels(seed, width=24, height=16):
    """Coloured noise, as rows of RGB."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def png(array):
    """Pixels as a PNG file."""
    height, width, _ = array.shape
    rows = b"".join(b"\0" + row.tobytes() for row in array)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def bmp(array):
    """Pixels as a Windows bitmap."""
    height, width, _ = array.shape
    rows = b"".join(row[:, ::-1].tobytes() + bytes(-3 * width % 4) for row in array[::-1])
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(rows), 0, 0, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54 + len(rows), 0, 0, 54) + info + rows
