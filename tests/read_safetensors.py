#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""read_safetensors.py file: prints name, type, shape, and the first, last and sum of the numbers of every tensor.

Written from the format's description alone, as an oracle for what tutti exports.
"""
import json
import struct
import sys

CODES = {"F64": "d", "F32": "f", "F16": "e", "I64": "q", "I32": "i", "U64": "Q", "U32": "I", "U8": "B", "BOOL": "?"}

with open(sys.argv[1], "rb") as file:
    data = file.read()
(length,) = struct.unpack_from("<Q", data)
header = json.loads(data[8:8 + length])
assert length % 8 == 0 and max(t["data_offsets"][1] for t in header.values()) == len(data) - 8 - length
for name, tensor in header.items():
    begin, end = tensor["data_offsets"]
    code = CODES[tensor["dtype"]]
    numbers = struct.unpack(f"<{(end - begin) // struct.calcsize(code)}{code}", data[8 + length + begin:8 + length + end])
    print(json.dumps(name), tensor["dtype"], tensor["shape"], *map(float, (numbers[0], numbers[-1], sum(numbers))))
