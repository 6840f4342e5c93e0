"""Runs fuzz targets for a while each, over the stored corpus and what earlier runs found, and tells what they broke.

A crash is kept in build/fuzz/findings and printed with the command that shows it again; a run without one has passed.
Not for building them: ./dev fuzz does.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
HERE = TOP / "tests/fuzz"


def run(target, build, seconds, seed):
    """One target; gives (executions, coverage, new findings, last words)."""
    found, work = build / "findings", build / "corpus" / target
    stored = HERE / "corpus" / target
    for folder in (found, work):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(found.iterdir())
    command = [str(build / "tests/fuzz" / f"fuzz-{target}"), f"-max_total_time={seconds}", "-timeout=60",
               "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={found}/{target}-",
               f"-seed={seed}", str(work)]
    if (HERE / f"{target}.dict").exists():
        command.insert(1, f"-dict={HERE / (target + '.dict')}")
    if stored.is_dir():
        command.append(str(stored))
    env = dict(os.environ, TALLY_DEFINITIONS=str(TOP / "config/meters.d"),
               UBSAN_OPTIONS="print_stacktrace=1", ASAN_OPTIONS="allocator_may_return_null=1:handle_abort=1")
    with open(build / f"{target}.log", "w", errors="replace") as log:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=env)
    text = (build / f"{target}.log").read_text(errors="replace")
    executed = re.search(r"number_of_executed_units: (\d+)", text) or re.search(r"Done (\d+) runs", text)
    coverage = re.findall(r"cov: (\d+)", text)
    new = sorted(path for path in set(found.iterdir()) - before if path.name.startswith(f"{target}-"))
    broken = result.returncode != 0
    words = "\n".join(text.split("\n")[-60:]) if broken else ""
    return int(executed[1]) if executed else 0, int(coverage[-1]) if coverage else 0, new, broken, words


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=TOP / "build/fuzz")
    parser.add_argument("--seconds", type=int, default=60, help="of each target")
    parser.add_argument("--within", type=int, metavar="SECONDS", help="divide this time among all targets instead")
    parser.add_argument("--seed", type=int, default=0, help="repeats a run's choices; 0: new ones")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--counts", type=pathlib.Path, help="write PASSED FAILED here")
    parser.add_argument("targets", nargs="*")
    args = parser.parse_args()
    build = args.build.resolve()
    there = sorted(path.name[len("fuzz-"):] for path in (build / "tests/fuzz").glob("fuzz-*") if path.is_file())
    unknown = sorted(set(args.targets) - set(there))
    if unknown or not there:
        print(f"no such target: {', '.join(unknown)}; there are: {', '.join(there)}", file=sys.stderr)
        return 64
    targets, failed, start = args.targets or there, 0, time.monotonic()
    if args.within:
        args.seconds = max(args.within * args.jobs // len(targets), 3)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        runs = {target: pool.submit(run, target, build, args.seconds, args.seed) for target in targets}
        for target, future in runs.items():
            executed, coverage, new, broken, words = future.result()
            failed += broken
            print(f"{'FAILED' if broken else 'passed'} {target:<20} {executed:>10} executions, {coverage:>5} edges",
                  flush=True)
            if broken:
                print(words)
                for path in new:
                    print(f"again: TALLY_DEFINITIONS={TOP / 'config/meters.d'} {build}/tests/fuzz/fuzz-{target} {path}")
    print(f"{len(targets)} targets, {args.seconds} s each, {time.monotonic() - start:.0f} s in all")
    if args.counts:
        args.counts.write_text(f"{len(targets) - failed} {failed}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
