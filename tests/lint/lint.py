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
    "base": {"base"},
    "config": {"base", "config"},
    "wire": {"base", "wire"},
    "spool": {"spool"},
    "plugin": {"base", "config", "wire", "plugin"},
    "daemon": {"base", "config", "wire", "plugin", "daemon"},
    "collector": {"base", "config", "wire", "plugin", "daemon", "collector"},
    "agent": {"base", "config", "wire", "spool", "plugin", "daemon", "agent"},
    "cli": {"base", "config", "wire", "spool", "plugin", "daemon", "collector", "agent", "cli"},
}
MOST_TIDIED = 60  # 10 s each on one core: five minutes of the test command on two
INSTALLED = {"model": {"model"}, "abi": {"abi"}, "sdk": {"model", "abi", "sdk", "kit"}, "kit": {"model", "abi", "sdk", "kit"}}
# Floors of the host that a plugin of ours may be built with: parts that the programs share with it.
SHARED = {"plugins/transports/local": ("spool/",)}


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
            if target.startswith(SHARED.get("/".join(parts[:3]), ())):
                continue
            if quote == '"' and not TOP.joinpath(*parts[:3], target).is_file():
                yield f'{name}:{number}: includes "{target}"; a plugin sees only <tally/...> and its own folder'


# Names that two namespaces of src/ still share. The list only gets shorter.
SHARED_NAMES = {"Batch", "BusOptions", "Config", "Format", "Item", "Level", "Outcome", "Reader"}


def one_name_one_class():
    """src/: no class, enumeration or alias of a header has the name of one in another namespace."""
    found = {}
    for name in tracked(".h"):
        if not name.startswith("src/"):
            continue
        namespace = ""
        for number, line in enumerate((TOP / name).read_text().split("\n"), 1):
            if match := re.match(r"namespace ([\w:]+) \{", line):
                namespace = match[1]
            match = re.match(r"(?:class|struct|enum class|using) ([A-Z]\w*)\b.*[{=]", line)
            if not match or match[1] in SHARED_NAMES:
                continue
            other, where = found.setdefault(match[1], (namespace, f"{name}:{number}"))
            if other != namespace:
                yield f"{name}:{number}: {namespace}::{match[1]} has the name of {other}'s ({where})"


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


# Phrases that a reader stops at, and what to write.
PHRASES = [
    (r"(?<!\bthere )\b(is|are) no (?!longer\b|more\b|such\b|reason\b)[a-z]+", "\"is not a …\""),
    (r"\banew\b", "\"again\""),
    (r"\bhow-manieth\b", "a number"),
    (r"\bwhat of (it|that|this) (is|are)\b", "which parts of it are"),
    (r"\bbelong into\b", "\"belong in\""),
    (r"\bless than the least\b|\bmore than the most\b", "\"below the minimum of\", \"above the maximum of\""),
    (r"\bfrom 0 on\"", "\"must be a non-negative integer\""),
]


def plain_english():
    """Comments, messages and pages: none of the phrases above. Not the changelog, nor what earlier versions wrote."""
    for name in tracked(".h", ".cc", ".c", ".py", ".md", ".yaml", ".build", "dev"):
        if name.startswith(("tests/fixtures/old/", "tests/lint/", "CHANGELOG", "config/")):
            continue
        for number, line in enumerate((TOP / name).read_text(errors="replace").split("\n"), 1):
            for phrase, better in PHRASES:
                if match := re.search(phrase, line, re.IGNORECASE):
                    yield f'{name}:{number}: "{match[0]}": write {better}'


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


def git(*words):
    """The lines that git prints; none where it fails."""
    result = subprocess.run(["git", *words], cwd=TOP, capture_output=True, text=True)
    return result.stdout.split("\n")[:-1] if result.returncode == 0 else None


def base_of_changes():
    """(commit, whether it was named by somebody). None: there is nothing to compare with."""
    if named := os.environ.get("TALLY_LINT_BASE"):
        if git("rev-parse", "--verify", "-q", named + "^{commit}") is None:
            sys.exit(f"lint: TALLY_LINT_BASE={named} is no commit of this repository; a shallow clone lacks it")
        return named, True
    if release := git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"):
        return release[0], False
    first = git("rev-list", "--max-parents=0", "HEAD")
    return (first[-1], False) if first else (None, False)


def changed_since(base):
    """Files that differ from `base`, those changed last first: what is not committed, then commit by commit."""
    differ = set(git("diff", "--name-only", "--diff-filter=d", base, "--") or [])
    order = (git("diff", "--name-only", "HEAD", "--") or []) + (git("ls-files", "--others", "--exclude-standard") or [])
    differ.update(git("ls-files", "--others", "--exclude-standard") or [])
    order += [name for name in git("log", "--format=", "--name-only", f"{base}..HEAD") or [] if name]
    return [name for name in dict.fromkeys(order) if name in differ]


def sources_of(names, files):
    """The sources to read for these changes: a header's is the one of its own name, or those beside it that include it."""
    found = []
    for name in names:
        if name in files:
            found.append(name)
        elif name.endswith(".h"):
            own = name[:-2] + ".cc"
            beside = [other for other in sorted(files) if os.path.dirname(other) == os.path.dirname(name)
                      and any(target.split("/")[-1] == os.path.basename(name) for _, _, target in includes(other))]
            found += [own] if own in files else beside[:1]
    return list(dict.fromkeys(found))


def to_tidy(everything, files):
    """Which of the files that are built are read, and how many changed ones are left out."""
    if everything:
        return sorted(files), 0
    base, named = base_of_changes()
    if base is None:
        return [], 0
    changed = sources_of(changed_since(base), files)
    kept = changed if named else changed[:MOST_TIDIED]
    return kept, len(changed) - len(kept)


def clang_tidy(everything, build):
    database = json.loads((TOP / build / "compile_commands.json").read_text())
    files = {os.path.relpath(os.path.join(entry["directory"], entry["file"]), TOP) for entry in database}
    files = {name for name in files if name.startswith(("src/", "plugins/")) and name.endswith(".cc")}
    files, left_out = to_tidy(everything, files)

    def tidy(name):
        result = subprocess.run(["clang-tidy", "--quiet", "-p", build, "--extra-arg=-Wno-unknown-warning-option", name], cwd=TOP,
                                capture_output=True, text=True)  # the database holds the options of g++
        return [line for line in result.stdout.split("\n") if "error:" in line or "warning:" in line]

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for lines in pool.map(tidy, files):
            yield from lines
    rest = f", not {left_out} more that changed earlier (TALLY_LINT_BASE=COMMIT or --all reads them)" if left_out else ""
    print(f"   clang-tidy read {len(files)} files{rest}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="clang-tidy reads every file, not only those changed since the last release")
    parser.add_argument("--fix", action="store_true", help="clang-format rewrites files")
    parser.add_argument("--build", default="build/release", help="where compile_commands.json is")
    parser.add_argument("--counts", help='writes "PASSED FAILED" there')
    options = parser.parse_args()
    rules = {
        "floors": floors, "installed headers": installed_headers, "plugins": plugins_see_the_sdk_alone,
        "one name, one class": one_name_one_class,
        "plugin folders": plugin_folders, "own words": project_speaks_of_itself,
        "plain English": plain_english,
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
