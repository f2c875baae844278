"""What nvcc makes of the hot CUDA kernels: a table, and a failure where a limit is passed.

    cuda_code.py [--nvcc NVCC] [--architectures 75,90] [--elements float,...] [--kernels PATTERN]

Compiles the fused convolution for each architecture and reads the machine code itself: registers,
stack (spills are there), shared memory, how many blocks a multiprocessor has room for, generic
accesses, and the instructions of the inner step by kind. cuobjdump and nvdisasm are not needed. The
encoding of operations is that of compute capability 7.x to 9.x, compared with nvdisasm's output;
older code has its registers, stack and shared memory in the table and no instructions.

The step is the smallest loop that holds the kernel's multiply-adds or tensor core operations. What it
does once a tap, planning samples, is counted apart: it is what a branch around a barrier leaves out.

The limits are those of src/kernels/README.md.
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

SOURCES = pathlib.Path(__file__).resolve().parent.parent / "src/kernels/cuda"
ELEMENTS = ("float", "double", "Float16", "BFloat16")
HOT = re.compile(r"(forward|backward\w+|pack\w+|count|fill|order\w+|sum\w+|bias)Kernel")

# Twelve bits of an operation's code, and of arithmetic, which has forms, the low nine.
FULL_CODES = {0x983: "LDL", 0x387: "STL", 0x987: "STL", 0x984: "LDS", 0x388: "STS", 0x988: "STS",
              0x83b: "LDSM", 0x381: "LDG", 0x981: "LDG", 0x386: "STG", 0x986: "STG", 0x380: "LD",
              0x980: "LD", 0x385: "ST", 0x985: "ST", 0x947: "BRA", 0xb1d: "BAR", 0x91d: "BAR",
              0x31d: "BAR", 0x94d: "EXIT", 0x944: "CALL", 0x943: "CALL", 0x950: "RET"}
ARITHMETIC = {0x023: "FFMA", 0x02b: "DFMA", 0x03c: "MMA", 0x020: "FMUL", 0x021: "FADD",
              0x028: "DMUL", 0x029: "DADD", 0x024: "IMAD", 0x025: "IMAD", 0x027: "IMAD",
              0x030: "HADD2"}

# Of a multiprocessor: shared memory, of it taken by each block, threads.
Processor = collections.namedtuple("Processor", "shared reserved threads")
PROCESSORS = {60: Processor(64, 0, 2048), 61: Processor(96, 0, 2048), 70: Processor(96, 0, 2048),
              75: Processor(64, 0, 1024), 80: Processor(164, 1, 2048), 86: Processor(100, 1, 1536),
              89: Processor(100, 1, 1536), 90: Processor(228, 1, 2048)}
REGISTERS, BLOCK_THREADS = 65536, 256
# The forward pass where samples are planned by taps (sampled_taps.h), for devices whose blocks may
# have the memory: corners' pixels and weights; and a byte a thread.
BY_TAPS = re.compile(r"forwardKernel<TensorProduct<\w+, (\d+), (\d+), ByRow, (\d+), (\d+)>, \w+, 1, ([2-9]\d*)>")
SAMPLE_BYTES, MOST_DYNAMIC = 32, 163 * 1024
FFMA_SHARE = 0.85
# Bytes of stack.
MOST_STACK = 32
# Of planning one sample, of one tap a step.
PLAN = {"forward": 60, "backwardWeights": 51}
# Of packing, for an element; a thread has as many packs of 16 bytes as a pack has elements.
PACK_INSTRUCTIONS = 40
ELEMENT_BYTES = {"float": 4, "Float16": 2, "BFloat16": 2}


class Code:
    """The instructions of one kernel, by kind, and their jumps."""

    def __init__(self, text, architecture):
        self.kinds, self.targets, self.conditional = [], {}, set()
        for at in range(0, len(text) - 15, 16):
            low, high = struct.unpack_from("<QQ", text, at)
            code = low & 0xFFF
            kind = FULL_CODES.get(code) or ARITHMETIC.get(code & 0x1FF, "other")
            index = at // 16
            self.kinds.append(kind)
            if kind == "BRA":
                offset = (low | high << 64) >> 34
                if architecture >= 90:  # the lowest eight bits lie apart
                    offset = offset << 8 | low >> 16 & 0xFF
                offset &= (1 << 48) - 1
                offset -= (offset >> 47) << 48
                self.targets[index] = index + 1 + offset // 4
                if low >> 12 & 0xF != 7 or high >> 23 & 0xF != 7:
                    self.conditional.add(index)

    def work(self):
        """Which instructions are the product's: of tensor cores if there are any."""
        kinds = ("MMA",) if "MMA" in self.kinds else ("FFMA", "DFMA")
        return [kind in kinds for kind in self.kinds]

    def step(self):
        """The instructions of the inner step and those of planning within it."""
        work = self.work()
        loops = [(target, at) for at, target in self.targets.items() if 0 <= target <= at]
        if not loops or not any(work):
            return [], []
        # A loop around it may have the last step once more.
        most = max(sum(work[a:b + 1]) for a, b in loops)
        a, b = min(((a, b) for a, b in loops if sum(work[a:b + 1]) >= 0.4 * most),
                   key=lambda loop: loop[1] - loop[0])
        return self.without_plan(a, b)

    def without_plan(self, a, b):
        """The instructions a .. b, and those that the narrowest branch around a barrier leaves out."""
        work, around = self.work(), {}
        # Planning has a few multiply-adds of its own.
        few = sum(work[a:b + 1]) / 16
        for at, target in self.targets.items():
            if a <= at < target <= b and sum(work[at:target]) < few:
                for barrier in range(at, target):
                    if self.kinds[barrier] == "BAR":
                        around[barrier] = min(around.get(barrier, (at, target)), (at, target),
                                              key=lambda branch: branch[1] - branch[0])
        left_out = {i for at, target in around.values() for i in range(at + 1, target)}
        return ([self.kinds[i] for i in range(a, b + 1) if i not in left_out],
                [self.kinds[i] for i in sorted(left_out)])


class Kernel:
    def __init__(self, name, architecture, registers, stack, shared, text):
        self.name, self.architecture = name, architecture
        self.registers, self.stack, self.shared = registers, stack, shared
        self.code = Code(text, architecture) if architecture >= 70 else None

    def by_taps(self):
        """Rows, columns, bytes of depths and threads of a product whose samples are planned by taps."""
        match = BY_TAPS.search(self.name)
        return [int(number) for number in match.groups()] if match else None

    def dynamic(self):
        """Bytes of shared memory that its launch asks for, of which a cubin says nothing: the
        operands of two steps and the table of samples."""
        if not self.by_taps():
            return 0
        rows, columns, depth, threads, taps = self.by_taps()
        return 2 * (rows + columns) * depth + taps * rows * SAMPLE_BYTES + threads

    def blocks(self):
        """How many blocks a multiprocessor has room for."""
        processor = PROCESSORS[self.architecture]
        threads = self.by_taps()[3] if self.by_taps() else BLOCK_THREADS
        per_warp = (self.registers * 32 + 255) // 256 * 256
        by_registers = REGISTERS // (per_warp * threads // 32)
        of_block = (self.shared + self.dynamic() + 255) // 256 * 256 + processor.reserved * 1024
        by_shared = processor.shared * 1024 // of_block if of_block else 99
        return min(by_registers, by_shared, processor.threads // threads)

    def generic(self):
        return sum(kind in ("LD", "ST") for kind in self.code.kinds)


def read_cubin(path, architecture):
    """The kernels of an ELF file as nvcc -cubin writes it."""
    data = path.read_bytes()
    header, = struct.unpack_from("<Q", data, 40)
    size, count, names_at = struct.unpack_from("<HHH", data, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, header + size * i) for i in range(count)]

    def name(section):
        begin = sections[names_at][4] + section[0]
        return data[begin:data.index(b"\0", begin)].decode()

    by_name = {name(section): section for section in sections}
    symbols, stacks, registers = by_name[".symtab"], {}, {}
    info = by_name.get(".nv.info")
    at, end = (info[4], info[4] + info[5]) if info else (0, 0)
    while at < end:
        form, attribute, length = struct.unpack_from("<BBH", data, at)
        at += 4
        if form == 4:
            # The size of a function's stack frame, the registers of a thread.
            values = {0x11: stacks, 0x2F: registers}.get(attribute)
            if values is not None:
                symbol, value = struct.unpack_from("<II", data, at)
                section, = struct.unpack_from("<H", data, symbols[4] + 24 * symbol + 6)
                values[name(sections[section])] = value
            at += length
    for text, section in by_name.items():
        if text.startswith(".text."):
            shared = by_name.get(".nv.shared." + text[6:])
            yield Kernel(text[6:], architecture, registers[text], stacks.get(text, 0),
                         shared[5] if shared else 0,
                         data[section[4]:section[4] + section[5]])


def demangle(names):
    text = subprocess.run(["c++filt"], input="\n".join(names), text=True, capture_output=True,
                          check=True).stdout
    return dict(zip(names, text.split("\n")))


def short(name):
    """A kernel's name and what tells it from others of that name."""
    name = re.sub(r"dcn4j::(cuda::)?", "", name)
    name = re.sub(r"^void |\(anonymous namespace\)::", "", name)
    depth, end = 0, len(name)
    for at, letter in enumerate(name):
        depth += (letter == "<") - (letter == ">")
        if letter == "(" and depth == 0:
            end = at
            break
    name = name[:end]
    name = re.sub(r"\(Written\)0", "ByRow", re.sub(r"\(Written\)1", "ByColumn", name))
    return re.sub(r", void|(?<=>), \w+(?=>$)", "", name).replace(" >", ">")


def compile_one(nvcc, architecture, source, element, folder):
    target = pathlib.Path(folder) / f"{source}_{element}_{architecture}.cubin"
    subprocess.run([nvcc, "-cubin", f"-arch=sm_{architecture}", "-std=c++17", "-O3", "-DNDEBUG",
                    f"-DDCN4J_ELEMENT={element}", "-o", target, SOURCES / f"{source}.cu"],
                   check=True)
    return list(read_cubin(target, architecture))


def compile_all(nvcc, architectures, sources, elements):
    jobs = [(nvcc, architecture, source, element) for architecture in architectures
            for source in sources for element in elements]
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for kernels in pool.map(lambda job: compile_one(*job, folder), jobs):
            yield from kernels


def row(kernel):
    """What the table says of a kernel."""
    cells = [kernel.registers, kernel.stack, kernel.shared + kernel.dynamic(), kernel.blocks()]
    if kernel.code is None:
        return cells + [""] * 4
    step, plan = kernel.code.step()
    counts = collections.Counter(step)
    kinds = ", ".join(f"{kind} {counts[kind]}" for kind in
                      ("FFMA", "DFMA", "MMA", "FMUL", "LDS", "LDSM", "STS", "LDG", "LDL", "STL", "BAR")
                      if counts[kind])
    return cells + [kernel.generic(), len(step), kinds, len(plan) or ""]


# The limits that are of some kernels only; the last needs 8.0 or later.
LIMITS = ("two blocks of 128 x 64", "packing", "planning", "FFMA", "two blocks on tensor cores")


def broken_limits(kernel, met):
    """What of README.md's limits a kernel passes, in words; `met` gets those of LIMITS that it has."""
    if kernel.stack > MOST_STACK:
        yield f"a stack of {kernel.stack} bytes, expected at most {MOST_STACK}"
    if kernel.shared > 48 * 1024:
        yield f"{kernel.shared} bytes of shared memory, expected at most 48 KiB"
    if kernel.dynamic() > MOST_DYNAMIC:
        yield f"{kernel.dynamic()} bytes of dynamic shared memory, expected at most {MOST_DYNAMIC}"
    # Shared memory by taps is for 9.0; elsewhere one block does.
    if kernel.by_taps() and kernel.architecture != 90:
        return
    two = set()
    if re.search(r"Product<\w+, 128, 64,", kernel.name):
        two.add("two blocks of 128 x 64")
    if (kernel.architecture >= 80
            and re.search(r"TensorProduct<\w+, (128, 128|64, 256), ByRow", kernel.name)):
        two.add("two blocks on tensor cores")
    met |= two
    if two and kernel.blocks() < 2:
        yield f"{kernel.blocks()} block of a multiprocessor, expected 2"
    if kernel.code is None:
        return
    packs = re.fullmatch(r"packImagesKernel<(\w+), true>", kernel.name)
    if packs and packs[1] in ELEMENT_BYTES:
        met.add("packing")
        each = len(kernel.code.kinds) / (16 // ELEMENT_BYTES[packs[1]]) ** 2
        if each > PACK_INSTRUCTIONS:
            yield f"{each:.0f} instructions an element, expected at most {PACK_INSTRUCTIONS}"
    if "VoltaProduct" not in kernel.name and kernel.generic():
        yield f"{kernel.generic()} generic accesses, expected none"
    name = kernel.name.split("Kernel")[0]
    _, plan = kernel.code.step()
    if name in PLAN and not kernel.by_taps() and not re.search(r"double|, 4, 1>$|, 4>$", kernel.name):
        if plan:
            met.add("planning")
        if not 0 < len(plan) <= PLAN[name]:
            yield f"{len(plan)} instructions of planning, expected 1 to {PLAN[name]}"
    if re.search(r"forwardKernel<FmaProduct<float, (128, 128|64, 256),.*, float,", kernel.name):
        met.add("FFMA")
        step, _ = kernel.code.step()
        share = step.count("FFMA") / max(len(step), 1)
        if share < FFMA_SHARE:
            yield f"{share:.1%} of the step are FFMA, expected {FFMA_SHARE:.0%}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nvcc", default="nvcc")
    parser.add_argument("--architectures", default="75,90")
    parser.add_argument("--elements", default=",".join(ELEMENTS))
    parser.add_argument("--sources", default="forward,backward")
    parser.add_argument("--kernels", default="", help="a pattern; only those are shown")
    options = parser.parse_args()
    kernels = [kernel for kernel in
               compile_all(options.nvcc, [int(a) for a in options.architectures.split(",")],
                           [f"deformable_conv2d_{s}" for s in options.sources.split(",")],
                           options.elements.split(","))
               if HOT.search(kernel.name)]
    names = demangle([kernel.name for kernel in kernels])
    print("| kernel | sm | registers | stack | shared | blocks | generic | step | of it | plan |\n"
          "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    failures, met = [], set()
    for kernel in kernels:
        kernel.name = short(names[kernel.name])
        # What an architecture does not have traps and is never launched.
        if kernel.code and len(kernel.code.kinds) < 20:
            continue
        if not re.search(options.kernels, kernel.name):
            continue
        print("| " + " | ".join(map(str, [kernel.name, kernel.architecture] + row(kernel))) + " |")
        failures += [f"{kernel.name}, sm_{kernel.architecture}: {what}"
                     for what in broken_limits(kernel, met)]
    # A limit that no kernel has is kept whatever a compiler makes of them: their names have changed.
    if (not options.kernels and set(ELEMENTS) <= set(options.elements.split(","))
            and {"forward", "backward"} <= set(options.sources.split(","))):
        newest = max(map(int, options.architectures.split(",")))
        failures += [f"no kernel has the limit of {limit}" for limit in LIMITS
                     if limit not in met and (newest >= 80 or limit != LIMITS[-1])]
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
