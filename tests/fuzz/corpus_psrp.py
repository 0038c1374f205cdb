#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the corpus of fuzz_psrp: sessions that go well and sessions that do not. corpus_psrp.py DIRECTORY"""
import struct
import sys
from pathlib import Path

POOL, COMMAND, DONE, MESSAGE = 0, 1, 2, 4
CAPABILITY, POOL_STATE, PRIVATE = 0x10002, 0x21005, 0x21009
OUTPUT, ERROR, STATE, WARNING, PROGRESS, INFORMATION, CALL = 0x41004, 0x41005, 0x41006, 0x41009, 0x41010, 0x41011, 0x41100


def ms(members):
    return f'\ufeff<Obj RefId="0"><MS>{members}</MS></Obj>'


def bytes_round(kind, data):
    return struct.pack(">BH", kind, len(data)) + data


def message(kind, code, body, size=0):
    return bytes_round(kind | MESSAGE | size << 4, struct.pack(">I", code) + body.encode())


def fragment(number, part, flags, blob, length=None):
    return struct.pack(">QQBI", number, part, flags, len(blob) if length is None else length) + blob


def whole(code, body):
    return struct.pack("<II", 1, code) + bytes(16) + b"PIPELINEPIPELINE" + body.encode()


OPEN = (message(POOL, CAPABILITY, ms('<Version N="protocolversion">2.3</Version>'))
        + message(POOL, PRIVATE, ms('<Obj N="ApplicationPrivateData" RefId="1"><DCT><En><S N="Key">PSVersionTable</S><Obj '
                                    'N="Value" RefId="2"><DCT><En><S N="Key">PSVersion</S><Version N="Value">5.1'
                                    '</Version></En></DCT></Obj></En></DCT></Obj>'))
        + message(POOL, POOL_STATE, ms('<I32 N="RunspaceState">2</I32>')))
END = message(COMMAND | DONE, STATE, ms('<I32 N="PipelineState">4</I32>'))
RECORD = ms('<Obj N="Exception" RefId="1"><Props><S N="Message">x</S></Props></Obj><S N="FullyQualifiedErrorId">[Server=A,'
            'RequestId=1] [FailureCategory=Cmdlet-X] 1,Y</S><I32 N="ErrorCategory_Category">6</I32>')
ASK = ms('<I64 N="ci">5</I64><Obj N="mi" RefId="1"><ToString>PromptForChoice</ToString><I32>26</I32></Obj>'
         '<Obj N="mp" RefId="2"><LST><S>Confirm</S><S>Sure?</S></LST></Obj>')
FAILED = ms('<I32 N="PipelineState">5</I32><Obj N="ExceptionAsErrorRecord" RefId="1"><MS><S N="ErrorCategory_Reason">'
            'CommandNotFoundException</S></MS></Obj>')
SEEDS = {
    "done": OPEN + message(COMMAND, OUTPUT, '<Obj RefId="0"><Props><S N="Name">a</S></Props></Obj>', 2) + END,
    "records": OPEN + message(COMMAND, WARNING, ms('<S N="InformationalRecord_Message">w</S>'))
    + message(COMMAND, PROGRESS, ms('<S N="Activity">a</S><I32 N="PercentComplete">5</I32>'))
    + message(COMMAND, INFORMATION, ms('<S N="MessageData">i</S>')) + message(COMMAND, ERROR, RECORD) + END,
    "failed": OPEN + message(COMMAND | DONE, STATE, FAILED),
    "asks": OPEN + message(COMMAND, CALL, ASK) + message(COMMAND | DONE, STATE, ms('<I32 N="PipelineState">3</I32>')),
    "raw": OPEN + bytes_round(COMMAND, fragment(9, 0, 1, whole(OUTPUT, "<S>a")) + fragment(9, 1, 2, b"</S>")) + END,
    "raw-swapped": OPEN + bytes_round(COMMAND, fragment(9, 0, 1, whole(OUTPUT, "<S>a")) + fragment(9, 2, 2, b"</S>")),
    "raw-length": OPEN + bytes_round(COMMAND, fragment(9, 0, 3, whole(OUTPUT, "<S>a</S>"), 0xFFFFFFFF)),
    "raw-short": OPEN + bytes_round(COMMAND, b"\0\0\0"),
    "empty-output": OPEN + message(COMMAND, OUTPUT, "") + END,
    "after-end": OPEN + END + message(COMMAND, OUTPUT, "<S>a</S>"),
    "pool-broken": message(POOL, POOL_STATE, ms('<I32 N="RunspaceState">5</I32>')),
    "pool-closes": OPEN + message(POOL, POOL_STATE, ms('<I32 N="RunspaceState">3</I32>')) + END,
    "old": message(POOL, CAPABILITY, ms('<Version N="protocolversion">2.1</Version>')) + message(
        POOL, POOL_STATE, ms('<I32 N="RunspaceState">2</I32>')) + END,
}

if __name__ == "__main__":
    for name, data in SEEDS.items():
        (Path(sys.argv[1]) / name).write_bytes(data)
