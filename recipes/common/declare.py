import zlib


def declare(cpp):
    """Compile C++ once; ROOT keeps what it has, so an edited version is an error."""
    guard = f"COOKBOOK_{zlib.crc32(cpp.encode()):08x}"
    once = f"#ifndef {guard}\n#define {guard}\n{cpp}\n#endif"
    if not ROOT.gInterpreter.Declare(once):
        raise RuntimeError("ROOT refused this C++, as said above; edited? restart first")
