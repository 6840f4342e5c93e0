"""A clean Debian of the test's own to install packages in: debootstrap's smallest, made once and kept, unpacked for each
test. What runs in it has its own mounts and this machine's network. Not for what is installed: test_packages.py."""
import os
import pathlib
import shutil
import subprocess
import tempfile

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "tally-tests"
SUITE = "bookworm"
KEPT = CACHE / f"{SUITE}-minbase.tar"
APT = ["apt-get", "-qq", "-y", "-o", "Dpkg::Use-Pty=0", "--no-install-recommends"]


def missing():
    """What this machine has not, in words; empty: everything is there."""
    if os.geteuid() != 0:
        return "needs root"
    for program in ("debootstrap", "dpkg-buildpackage", "dh", "lintian", "systemd-analyze"):
        if not shutil.which(program):
            return f"needs {program}"
    return ""


def run(words, **options):
    done = subprocess.run(list(map(str, words)), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, **options)
    return done.returncode, done.stdout


def check(words, **options):
    status, said = run(words, **options)
    if status != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}: {status}\n{said[-3000:]}")
    return said


def bootstrap():
    """The kept archive of a clean root, with its lists of packages."""
    if not KEPT.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        folder = pathlib.Path(tempfile.mkdtemp(prefix="tally-debootstrap-"))
        try:
            check(["debootstrap", "--variant=minbase", SUITE, folder / "root"])
            fresh = KEPT.with_suffix(f".{os.getpid()}")
            check(["tar", "-C", folder / "root", "--numeric-owner", "--one-file-system", "-cf", fresh, "."])
            fresh.rename(KEPT)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return KEPT


class CleanRoot:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tally-root-"))
        os.chmod(self.folder, 0o755)
        check(["tar", "-C", self.folder, "--numeric-owner", "-xpf", bootstrap()])
        for name in ("resolv.conf", "hosts"):
            if os.path.exists(f"/etc/{name}"):
                shutil.copy(f"/etc/{name}", self.folder / "etc" / name)
        # What is fetched is kept for the next test; and no service starts while a package is installed.
        self.archives = CACHE / "archives"
        (self.archives / "partial").mkdir(parents=True, exist_ok=True)
        (self.folder / "etc/apt/apt.conf.d/90test").write_text(
            'APT::Keep-Downloaded-Packages "true";\nAPT::Sandbox::User "root";\n')
        policy = self.folder / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        self.packages = self.folder / "packages"
        self.packages.mkdir()

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def words(self, *words, user=None):
        """The command line that runs these words in the root, as a user without any right of root's where one is named."""
        lower = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--bounding-set=-all",
                 "--no-new-privs"] if user else []
        mounts = (f"mount -t proc proc {self.folder}/proc; mount --rbind /sys {self.folder}/sys; "
                  f"mount --bind /dev {self.folder}/dev; mount --bind {self.archives} {self.folder}/var/cache/apt/archives")
        return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", f'{mounts}; exec chroot {self.folder} "$@"',
                "sh", *lower, *map(str, words)]

    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "HOME": "/"}

    def run(self, *words, user=None):
        """(exit status, what it said)"""
        return run(self.words(*words, user=user), env=self.env, timeout=600)

    def check(self, *words, user=None):
        return check(self.words(*words, user=user), env=self.env, timeout=600)

    def update(self):
        self.check(*APT, "update")

    def install(self, *files):
        """Packages from files, and from Debian what they depend on."""
        for file in files:
            shutil.copy(file, self.packages)
        return self.check(*APT, "install", *(f"/packages/{pathlib.Path(file).name}" for file in files))

    def install_known(self, *names):
        """Packages of Debian's."""
        return self.check(*APT, "install", *names)

    def remove(self, *names, purge=False):
        return self.check(*APT, "purge" if purge else "remove", *names)

    def installed(self):
        said = self.check("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}\n")
        return {line.split()[1] for line in said.splitlines() if line.startswith("ii")}

    def write(self, path, text, mode=0o644):
        file = self.folder / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        return file

# Its own systemd, which may change nothing of this machine: its settings and devices are there to be read.
BOOT = """set -e
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount --bind "$1/proc/sys" "$1/proc/sys"
mount -o remount,bind,ro "$1/proc/sys"
mount -t sysfs -o ro sysfs "$1/sys"
mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup"
mount -t tmpfs tmpfs "$1/run"
mount -t tmpfs tmpfs "$1/tmp"
mount --bind /dev "$1/dev"
mount --bind "$2" "$1/var/cache/apt/archives"
cd "$1"
pivot_root . mnt
umount -l mnt
exec /usr/bin/env -i container=tally "PATH=$PATH" /lib/systemd/systemd --system --log-target=journal --show-status=0
"""
SPACES = ["--cgroup", "--mount", "--pid", "--uts", "--ipc", "--net"]


def hierarchy():
    """Where cgroup v2 is mounted on this machine, or None."""
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        if line.split()[2] == "cgroup2":
            return pathlib.Path(line.split()[1])
    return None


class BootedRoot:
    """The systemd of a root in namespaces of its own, and commands beside it."""

    def __init__(self, root):
        self.root = root
        self.group = hierarchy() / f"tally-root-{os.getpid()}"
        self.group.mkdir()
        self.process = subprocess.Popen(
            ["sh", "-ec", f'echo $$ > {self.group}/cgroup.procs; exec "$@"', "sh", "unshare", *SPACES, "--propagation", "private",
             "--fork", "--kill-child", "sh", "-c", BOOT, "sh", root.folder, root.archives],
            env=root.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def pid(self):
        """Of its first process, seen from here; None as long as there is none."""
        children = subprocess.run(["ps", "--ppid", str(self.process.pid), "-o", "pid=,comm="], capture_output=True, text=True)
        rows = [line.split() for line in children.stdout.splitlines()]
        return next((int(pid) for pid, name in rows if name == "systemd"), None)

    def run(self, *words):
        """(exit status, what it said)"""
        return run(["nsenter", "-t", str(self.pid()), *SPACES, "--root", "--wd", *words], env=self.root.env, timeout=300)

    def check(self, *words):
        status, said = self.run(*words)
        if status != 0:
            raise RuntimeError(f"{' '.join(words)}: {status}\n{said[-3000:]}")
        return said

    def show(self, unit, what):
        return self.check("systemctl", "show", "--value", "-p", what, unit).strip()

    def close(self):
        self.process.kill()  # and with it the first process of the namespace, and all others
        self.process.wait()
        for folder in [*sorted(self.group.glob("**/"), reverse=True)]:
            for _ in range(100):
                try:
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:  # processes that are just ending
                    subprocess.run(["sleep", "0.1"], check=True)
