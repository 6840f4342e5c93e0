"""A PostgreSQL of the test's own: Debian's server on a free port. Not for what is kept in it."""
import glob
import os
import shutil
import subprocess

from service import Service, free_ports

FOLDERS = sorted(glob.glob("/usr/lib/postgresql/*/bin"))


class Postgresql(Service):
    name = "postgresql"

    def __init__(self, folder=None, data=None, settings=""):
        """`data`: its data folder, elsewhere than in `folder` (a small file system); `settings`: "-c name=value …"."""
        super().__init__(folder)
        if not FOLDERS:
            raise RuntimeError("no PostgreSQL under /usr/lib/postgresql: apt-get install postgresql")
        self.bin = FOLDERS[-1]
        self.data = data or self.folder / "data"
        self.settings = settings
        (self.port,) = free_ports(1)
        self.url = f"postgresql://tally@127.0.0.1:{self.port}/postgres"
        # The server refuses to run as root.
        self.as_user = []
        if os.geteuid() == 0:
            self.as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
            shutil.chown(self.folder, "postgres")
        os.chmod(self.folder, 0o755)

    def start(self):
        if not os.path.exists(f"{self.data}/PG_VERSION"):
            self.run([*self.as_user, f"{self.bin}/initdb", "-D", self.data, "-U", "tally", "--auth=trust", "-E", "UTF8",
                      "--locale=C.UTF-8"])
        self.run([*self.as_user, f"{self.bin}/pg_ctl", "-D", self.data, "-w", "-t", "120", "-l", self.folder / "log",
                  "-o", f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} "
                  f"{self.settings}", "start"])

    def stop(self, mode="fast"):
        """`mode` "immediate": as a crash."""
        subprocess.run([*self.as_user, f"{self.bin}/pg_ctl", "-D", str(self.data), "-m", mode, "-w", "-t", "120",
                        "stop"], cwd=self.folder, capture_output=True, check=False)

    def kill(self):
        if os.path.exists(f"{self.data}/postmaster.pid"):
            self.stop("immediate")

    def signal(self, number):
        """To the server and all its back ends."""
        try:
            with open(f"{self.data}/postmaster.pid", encoding="ascii") as file:
                first = int(file.readline())
        except (OSError, ValueError):
            return
        children = subprocess.run(["ps", "--ppid", str(first), "-o", "pid="], capture_output=True, text=True)
        for pid in [first, *map(int, children.stdout.split())]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def running(self):
        """Whether it is up: one that is just recovering from a crash is not."""
        return subprocess.run([f"{self.bin}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                              check=False).returncode == 0

    def psql(self, text, database):
        return [f"{self.bin}/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p",
                str(self.port), "-U", "tally", "-d", database, "-c", text]

    def sql(self, text, database="postgres"):
        """Runs SQL as the superuser `tally`; the answer's lines, columns parted by |."""
        return self.run(self.psql(text, database)).strip()

    def begin_sql(self, text, database="postgres"):
        """The same in a session beside the caller, who waits for its end: a process."""
        return subprocess.Popen(self.psql(text, database), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)

    def cut_connections(self):
        """Ends every client's connection, in the middle of what it does."""
        self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                 "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")

    def promote(self):
        """A standby is the primary from now on."""
        self.sql("SELECT pg_promote(true, 60)")

    environment = property(lambda self: {"TALLY_TEST_POSTGRESQL": self.url})


class Standby(Postgresql):
    """A standby of `primary`, made from what that has, and fed by it."""

    name = "postgresql-standby"

    def __init__(self, primary):
        super().__init__()
        self.primary = primary

    def start(self):
        if not os.path.exists(f"{self.data}/PG_VERSION"):
            self.run([*self.as_user, f"{self.bin}/pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast",
                      "-d", f"host=127.0.0.1 port={self.primary.port} user=tally application_name=standby"])
        super().start()

    def caught_up(self):
        """Whether it has all that the primary has committed."""
        flushed = self.primary.sql("SELECT pg_current_wal_flush_lsn()")
        return self.sql(f"SELECT pg_last_wal_replay_lsn() >= '{flushed}'") == "t"

    def cut_off(self):
        """From now on it lags."""
        self.sql("ALTER SYSTEM SET primary_conninfo = ''")
        self.sql("SELECT pg_reload_conf()")

    def is_cut_off(self):
        return self.sql("SELECT count(*) FROM pg_stat_wal_receiver") == "0"
