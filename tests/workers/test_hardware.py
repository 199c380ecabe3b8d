import pytest

from workers.engine import hardware


def cpu(vendor, flags, field="flags"):
    """Two cores of `/proc/cpuinfo`."""
    return f"processor : 0\nvendor_id\t: {vendor}\nmodel name : bf16 amx_bf16\n{field}\t\t: fpu {flags} aes\n\n" * 2


@pytest.mark.parametrize(
    ("info", "fast"),
    [
        (cpu("AuthenticAMD", "avx512f avx512_bf16"), True),
        (cpu("AuthenticAMD", "avx512f"), False),
        (cpu("GenuineIntel", "avx512_bf16 amx_tile amx_bf16"), True),
        (cpu("GenuineIntel", "avx512_bf16 avx512_fp16"), False),
        (cpu("0x41", "asimd bf16", "Features"), True),
        (cpu("0x41", "asimd", "Features"), False),
        ("", False),
    ],
)
def test_bf16_is_chosen_where_its_products_are_faster(info, fast, monkeypatch):
    assert hardware.fast_bf16(info) is fast
    monkeypatch.delenv("GRADUS_DTYPE", raising=False)
    monkeypatch.setattr(hardware, "_cpu_info", lambda: info)
    assert hardware.dtype("cpu") == ("bfloat16" if fast else "float32")
    assert hardware.dtype("cuda") == "bfloat16"


def test_an_admin_decides_otherwise(monkeypatch):
    for chosen in hardware.DTYPES:
        monkeypatch.setenv("GRADUS_DTYPE", chosen)
        assert hardware.dtype("cpu") == chosen
