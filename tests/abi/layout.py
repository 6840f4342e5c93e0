"""Holds the C boundary (src/include/tally/abi/*.h) to its committed layouts, layout-MAJOR.MINOR.txt beside this file.

    python3 tests/abi/layout.py            checks; what `meson test abi-layout` runs
    python3 tests/abi/layout.py --update   writes the file of the headers' own version, after TALLY_ABI_MINOR was raised

Each file names every constant, every struct with its size, and every member with offset, size and type, as the compiler
lays them out on a 64-bit system; its first line has a digest of the rest. A header that differs from the file of its own
version fails: raise TALLY_ABI_MINOR. A lasting struct (one of base.h, sample.h, notification.h, pollster.h) that is no
extension at its end of what every earlier minor had fails for good: a new major is needed. Structs of storage.h and
transport.h may change with any minor, since these roles match it exactly.
"""
import argparse
import hashlib
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
HEADERS = HERE.parents[1] / "src/include"
LASTING = ("base.h", "sample.h", "notification.h", "pollster.h")
VERSION = ("TALLY_ABI_MAJOR", "TALLY_ABI_MINOR")


class Fault(Exception):
    pass


def take(pattern, text, found):
    """`text` without what `pattern` matches; each match goes to `found`."""
    def one(match):
        found(match)
        return " "
    return re.sub(pattern, one, text, flags=re.DOTALL | re.MULTILINE)


def squeeze(text):
    return re.sub(r"\s*([(),*])\s*", r"\1", " ".join(text.split()))


def members_of(body, where):
    """(name, type) of every member; a function pointer's type is its whole signature."""
    members = []
    for line in filter(None, map(str.strip, body.split(";"))):
        function = re.fullmatch(r"(.*?)\(\s*\*\s*(\w+)\s*\)\s*(\(.*\))", line, re.DOTALL)
        plain = re.fullmatch(r"(.*?[\s*])(\w+)((?:\[\w+\])*)", line, re.DOTALL)
        if function:
            members.append((function[2], squeeze(f"{function[1]}(*){function[3]}")))
        elif plain:
            members.append((plain[2], squeeze(plain[1] + plain[3])))
        else:
            raise Fault(f"{where}: cannot read the member `{line}`")
    return members


def read_headers(folder):
    """Constants in order, and (header, struct, members) of every struct; nothing in the headers is passed over."""
    constants, structs, leftovers = [], [], []
    for path in sorted((folder / "tally/abi").glob("*.h")):
        text = re.sub(r"/\*.*?\*/", " ", path.read_text(), flags=re.DOTALL)
        text = take(r"^#define (TALLY_\w+)[ \t]+(\S[^\n]*)$", text, lambda m: constants.append(m[1]))
        text = take(r"\benum\s*\{(.*?)\}\s*;", text,
                    lambda m: constants.extend(re.findall(r"\b(TALLY_\w+)\s*=", m[1])))
        text = take(r"typedef struct (\w+)\s*\{(.*?)\}\s*\1\s*;", text,
                    lambda m, p=path: structs.append((p.name, m[1], members_of(m[2], f"{p.name}: {m[1]}"))))
        text = take(r"typedef ([^;{}]*?)\(\s*\*\s*(\w+)\s*\)\s*(\([^;]*\))\s*;", text,
                    lambda m, p=path: structs.append((p.name, m[2], [("", squeeze(f"{m[1]}(*){m[3]}"))])))
        text = re.sub(r'^#[^\n]*$|extern "C" \{|^\}\s*$', " ", text, flags=re.MULTILINE)
        if text.strip():
            leftovers.append(f"{path.name}: not understood: {' '.join(text.split())[:200]}")
    if leftovers:
        raise Fault("\n".join(leftovers))
    return constants, structs


def program_for(constants, structs):
    lines = ["#include <stdio.h>", "#include <stddef.h>"]
    headers = sorted({header for header, _, _ in structs})
    lines += [f"#include <tally/abi/{header}>" for header in headers]
    lines += ['static void show_text(const char* name, const char* text) { printf("constant %s \\"%s\\"\\n", name, text); }',
              'static void show_number(const char* name, long long number) { printf("constant %s %lld\\n", name, number); }',
              "int main(void) {"]
    lines += [f'  _Generic(({name}), char*: show_text, default: show_number)("{name}", {name});' for name in constants]
    for header, struct, members in structs:
        if members[0][0] == "":
            lines.append(f'  printf("\\n{header} {struct} %zu {members[0][1]}\\n", sizeof({struct}));')
            continue
        lines.append(f'  printf("\\n{header} {struct} %zu\\n", sizeof({struct}));')
        lines += [f'  printf("  %zu %zu {name} {kind}\\n", offsetof({struct}, {name}), sizeof((({struct}*)0)->{name}));'
                  for name, kind in members]
    return "\n".join([*lines, "  return 0;", "}", ""])


def layout_of(folder, compiler):
    """((major, minor), text) of the headers in `folder`."""
    constants, structs = read_headers(folder)
    with tempfile.TemporaryDirectory() as place:
        source, program = pathlib.Path(place, "layout.c"), pathlib.Path(place, "layout")
        source.write_text(program_for(constants, structs))
        subprocess.run([*compiler, "-std=c11", "-w", f"-I{folder}", str(source), "-o", str(program)], check=True)
        out = subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout
    version = tuple(int(re.search(rf"^constant {name} (\d+)$", out, re.MULTILINE)[1]) for name in VERSION)
    return version, re.sub(rf"^constant ({'|'.join(VERSION)}) .*\n", "", out, flags=re.MULTILINE)


def with_head(version, text):
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"# ABI {version[0]}.{version[1]}, digest {digest}; written by layout.py\n{text}"


def parse(text):
    """{struct: (header, size, [member lines])} and {constant: value} of a layout."""
    structs, constants, members = {}, {}, None
    for line in text.split("\n"):
        words = line.split(" ")
        if line.startswith("constant "):
            constants[words[1]] = " ".join(words[2:])
        elif line.startswith("  "):
            members.append(line.strip())
        elif line and not line.startswith("#"):
            members = []
            structs[words[1]] = (words[0], int(words[2]), members if len(words) == 3 else [" ".join(words[3:])])
    return structs, constants


def broken_promises(old_text, new_text, old_name):
    """What a plugin built against the old layout would miss in the new one."""
    old, old_constants = parse(old_text)
    new, new_constants = parse(new_text)
    for name, value in old_constants.items():
        if new_constants.get(name) != value:
            yield f"{name} was {value} in {old_name}, is {new_constants.get(name, 'gone')}"
    for struct, (header, size, members) in old.items():
        if header not in LASTING:
            continue
        now = new.get(struct)
        if now is None:
            yield f"{struct} of {old_name} is gone"
            continue
        for at, member in enumerate(members):
            if at >= len(now[2]) or now[2][at] != member:
                yield f"{struct}: `{member}` of {old_name} is now `{now[2][at] if at < len(now[2]) else 'gone'}`"
        for member in now[2][len(members):]:
            if int(member.split(" ")[0]) < size:
                yield f"{struct}: `{member}` stands within the {size} bytes of {old_name}; a struct grows at its end"


def committed(folder, major):
    files = {}
    for path in folder.glob(f"layout-{major}.*.txt"):
        text = path.read_text()
        version = (major, int(path.stem.split(".")[1]))
        if with_head(version, text.partition("\n")[2]) != text:
            raise Fault(f"{path.name} was edited by hand: its digest is another")
        files[version] = (path.name, text)
    return files


def check(headers, folder, compiler):
    """Every complaint about the headers, in words."""
    version, text = layout_of(headers, compiler)
    files = committed(folder, version[0])
    if version not in files:
        yield (f"ABI {version[0]}.{version[1]} has no committed layout: python3 tests/abi/layout.py --update")
    elif files[version][1] != with_head(version, text):
        yield (f"the headers are not those of {files[version][0]}: raise TALLY_ABI_MINOR, then "
               "python3 tests/abi/layout.py --update")
        yield from difference(files[version][1], with_head(version, text))
    for other in sorted(files):
        if other > version:
            yield f"{files[other][0]} is newer than the headers"
        elif other < version:
            yield from broken_promises(files[other][1], text, files[other][0])


def difference(old, new):
    before, after = old.split("\n")[1:], new.split("\n")[1:]
    yield from (f"  - {line}" for line in before if line and line not in after)
    yield from (f"  + {line}" for line in after if line and line not in before)


def update(headers, folder, compiler, unreleased):
    version, text = layout_of(headers, compiler)
    path = folder / f"layout-{version[0]}.{version[1]}.txt"
    if path.exists() and path.read_text() != with_head(version, text) and not unreleased:
        raise Fault(f"{path.name} is there and says otherwise: raise TALLY_ABI_MINOR first (--unreleased overwrites, for "
                    "a minor that no release has carried)")
    path.write_text(with_head(version, text))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="write the file of the headers' version")
    parser.add_argument("--unreleased", action="store_true", help="with --update: overwrite it")
    parser.add_argument("--headers", type=pathlib.Path, default=HEADERS)
    parser.add_argument("--layouts", type=pathlib.Path, default=HERE)
    parser.add_argument("--cc", nargs="+", default=["cc"])
    options = parser.parse_args()
    try:
        if options.update:
            update(options.headers, options.layouts, options.cc, options.unreleased)
        complaints = list(check(options.headers, options.layouts, options.cc))
    except Fault as fault:
        complaints = [str(fault)]
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
