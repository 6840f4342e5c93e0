"""Holds the rules that a compiler does not: format, clang-tidy, the floors, complete plugin folders.

Each rule is one function that yields complaints; a rule without complaints counts as one test passed.
Not for what a test can show: those live beside the code.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
# The floors, lowest first: a file includes only its own floor or what its row names.
FLOORS = {
    "core": {"core"},
    "plugin": {"core", "plugin"},
    "bus": {"core", "bus"},
    "package": {"core", "plugin", "package"},
    "collector": {"core", "plugin", "bus", "collector"},
    "agent": {"core", "plugin", "bus", "agent"},
    "cli": {"core", "plugin", "bus", "package", "collector", "agent", "cli"},
}
INSTALLED = {"model": {"model"}, "abi": {"abi"}, "sdk": {"model", "abi", "sdk"}}


def tracked(*suffixes):
    names = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=TOP, check=True,
                           capture_output=True, text=True).stdout.split("\n")
    return sorted(name for name in names if name.endswith(suffixes) and (TOP / name).is_file())


def includes(name):
    for number, line in enumerate((TOP / name).read_text(errors="replace").split("\n"), 1):
        match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if match:
            yield number, match[1], match[2]


def floors():
    """src/: a file includes only its own floor or lower ones, by the floor's name."""
    for name in tracked(".h", ".cc"):
        parts = name.split("/")
        if parts[0] != "src" or parts[1] == "include":
            continue
        allowed = FLOORS[parts[1]]
        for number, quote, target in includes(name):
            if quote == '"' and target.split("/")[0] not in allowed | {"absl"}:
                yield f'{name}:{number}: includes "{target}"; floor {parts[1]} may use {", ".join(sorted(allowed))}'


def installed_headers():
    """src/include: the standard library and each other alone, downwards."""
    for name in tracked(".h"):
        if not name.startswith("src/include/tally/"):
            continue
        floor = name.split("/")[3] if name.count("/") > 3 else "sdk"
        for number, quote, target in includes(name):
            if quote == '"' or (target.startswith("tally/") and target.count("/") > 1
                                and target.split("/")[1] not in INSTALLED[floor]):
                yield f"{name}:{number}: includes {target}; installed floor {floor} may use {sorted(INSTALLED[floor])}"
            elif "/" in target and not target.startswith(("tally/", "sys/", "netinet/", "linux/")):
                yield f"{name}:{number}: includes {target}; installed headers need the standard library alone"


def plugins_see_the_sdk_alone():
    """plugins/: <tally/...>, the folder's own files, and libraries; never the host's floors (its test may)."""
    for name in tracked(".h", ".cc"):
        parts = name.split("/")
        if parts[0] != "plugins" or parts[-1].startswith("test"):
            continue
        for number, quote, target in includes(name):
            if quote == '"' and not (TOP / name).parent.joinpath(target).is_file():
                yield f'{name}:{number}: includes "{target}"; a plugin sees only <tally/...> and its own folder'


def plugin_folders():
    """Every plugin's folder is complete: source, meson.build, README, sample configuration, test."""
    for folder in sorted(TOP.glob("plugins/*/*/")):
        if not folder.is_dir() or not any(folder.iterdir()):
            continue
        have = {path.name for path in folder.iterdir()}
        for need in ("meson.build", "README.md", "sample.yaml", "test.cc"):
            if need not in have:
                yield f"{folder.relative_to(TOP)}: has no {need}"


def project_speaks_of_itself():
    """No word of the machine that a file was written on."""
    names = [name for name in tracked("") if name != "tests/lint/lint.py"]
    for name in names:
        path = TOP / name
        if path.stat().st_size > 1 << 20:
            continue
        for number, line in enumerate(path.read_text(errors="replace").split("\n"), 1):
            if re.search(r"/wor[k]/|\.\./share[d]|bash_job[s]", line):
                yield f"{name}:{number}: names a path of somebody's machine"


def clang_format(fix):
    names = tracked(".h", ".cc", ".c")
    if not names:
        return
    if fix:
        subprocess.run(["clang-format", "-i", *names], cwd=TOP, check=True)
    result = subprocess.run(["clang-format", "--dry-run", "-Werror", *names], cwd=TOP, capture_output=True, text=True)
    for line in result.stderr.split("\n"):
        if "error:" in line:
            yield line.strip() + " (./dev lint --fix)"


def changed_since_main():
    base = os.environ.get("TALLY_LINT_BASE", "HEAD~1")
    result = subprocess.run(["git", "diff", "--name-only", "--diff-filter=d", base, "--"], cwd=TOP,
                            capture_output=True, text=True)
    return set(result.stdout.split("\n")) if result.returncode == 0 else set()


def clang_tidy(everything, build):
    database = json.loads((TOP / build / "compile_commands.json").read_text())
    files = {os.path.relpath(os.path.join(entry["directory"], entry["file"]), TOP) for entry in database}
    files = {name for name in files if name.startswith(("src/", "plugins/")) and name.endswith(".cc")}
    if not everything:
        files &= changed_since_main()

    def tidy(name):
        result = subprocess.run(["clang-tidy", "--quiet", "-p", build, "--extra-arg=-Wno-unknown-warning-option", name], cwd=TOP,
                                capture_output=True, text=True)  # the database holds the options of g++
        return [line for line in result.stdout.split("\n") if "error:" in line or "warning:" in line]

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for lines in pool.map(tidy, sorted(files)):
            yield from lines
    print(f"   clang-tidy read {len(files)} files")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="clang-tidy reads every file, not only changed ones")
    parser.add_argument("--fix", action="store_true", help="clang-format rewrites files")
    parser.add_argument("--build", default="build/release", help="where compile_commands.json is")
    parser.add_argument("--counts", help='writes "PASSED FAILED" there')
    options = parser.parse_args()
    rules = {
        "floors": floors, "installed headers": installed_headers, "plugins": plugins_see_the_sdk_alone,
        "plugin folders": plugin_folders, "own words": project_speaks_of_itself,
        "clang-format": lambda: clang_format(options.fix),
        "clang-tidy": lambda: clang_tidy(options.all, options.build),
    }
    failed = 0
    for title, rule in rules.items():
        complaints = list(rule())
        failed += bool(complaints)
        for complaint in complaints[:40]:
            print(complaint)
        if len(complaints) > 40:
            print(f"... and {len(complaints) - 40} more of {title}")
    if options.counts:
        pathlib.Path(options.counts).write_text(f"{len(rules) - failed} {failed}\n")
    print(f"lint: {len(rules) - failed} rules hold, {failed} do not")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
