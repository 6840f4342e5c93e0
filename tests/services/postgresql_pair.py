"""Two PostgreSQL servers of the test's own: a primary, and a standby that follows it by streaming replication, by way of a
proxy. Not for what is kept in them, nor for deciding when to fail over.
"""
import os
import pathlib
import shutil
import signal

from postgresql import Postgresql
from proxy import Proxy
from service import free_ports, wait_until

# Small, since there are two. The hints are what pg_rewind would need; nothing else asks for them.
SETTINGS = "-c shared_buffers=32MB -c wal_retrieve_retry_interval=200ms -c wal_keep_size=64MB -c recovery_init_sync_method=syncfs"


class PostgresqlPair:
    """`with PostgresqlPair() as pair: pair.primary.sql(…)`; `pair.url` names both, and who connects finds the primary."""

    def __init__(self, datas=(None, None), settings=""):
        """`datas`: their data folders, elsewhere than in folders of their own."""
        self.primary, self.standby = (Postgresql(data=data, settings=f"{SETTINGS} {settings}") for data in datas)
        self.members = [self.primary, self.standby]  # as the URL has them, whatever each is by now
        self.ports = {member: member.port for member in self.members}
        ports = ",".join(f"127.0.0.1:{port}" for port in self.ports.values())
        self.url = f"postgresql://tally@{ports}/postgres?target_session_attrs=read-write"
        self.replication = None  # the proxy between them
        self.synchronous = False
        self.dead = None  # the number of a server that was killed and that nobody has looked after

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def start(self, synchronous=False):
        self.primary.start()
        self.follow()
        self.set_synchronous(synchronous)

    def close(self):
        if self.replication:
            self.replication.close()
        for member in self.members:
            member.close()

    # --- how one follows the other ----------------------------------------------------------------------------------

    def follow(self):
        """Makes the standby again, as a copy of the primary, and waits until it follows."""
        if self.replication:
            self.replication.close()
        self.replication = Proxy(self.primary.port)
        self.bury()
        self.standby.kill()
        self.standby.port = self.ports[self.standby]
        shutil.rmtree(self.standby.data, ignore_errors=True)
        source = f"host=127.0.0.1 port={self.replication.port} user=tally application_name=standby"
        self.standby.run([*self.standby.as_user, f"{self.standby.bin}/pg_basebackup", "-D", self.standby.data, "-R", "-X",
                          "stream", "-c", "fast", "--no-sync", "-d", source])
        self.standby.start()
        self.wait_for("streaming")

    def set_synchronous(self, synchronous):
        """Whether a commit on the primary waits for the standby. Written there alone: a standby that is promoted waits for
        nobody."""
        self.synchronous = synchronous
        self.primary.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{'FIRST 1 (standby)' if synchronous else ''}'")
        self.primary.sql("SELECT pg_reload_conf()")
        self.wait_for("sync" if synchronous else "async")

    def wait_for(self, word):
        wait_until(f"the standby is {word}", lambda: word in self.primary.sql(
            "SELECT state, sync_state FROM pg_stat_replication").replace("|", " ").split())

    def lag(self):
        """From now on nothing of the primary's reaches the standby."""
        self.replication.stall()

    # --- fail-over --------------------------------------------------------------------------------------------------

    def lose_primary(self):
        """As a host that is gone: nothing it has sent and the standby has not taken arrives any more."""
        self.dead = int((pathlib.Path(self.primary.data) / "postmaster.pid").read_text().split()[0])
        self.primary.signal(signal.SIGKILL)
        self.replication.cut()

    def promote(self):
        """The standby becomes the primary. What was the primary is left as it died."""
        self.standby.sql("SELECT pg_promote(true, 60)")
        self.primary, self.standby = self.standby, self.primary
        # Copied with the rest when the standby was made, if it was set by then.
        self.primary.sql("ALTER SYSTEM SET synchronous_standby_names = ''")
        self.primary.sql("SELECT pg_reload_conf()")
        self.synchronous = False

    def fail_over(self):
        self.lose_primary()
        self.promote()

    def rejoin(self, synchronous=False):
        """What was the primary comes back as a standby, with nothing of what it had alone."""
        self.follow()
        self.set_synchronous(synchronous)

    def bury(self):
        """Whoever starts a server again waits until init has heard of its death, or it is taken for running."""
        note = pathlib.Path(self.standby.data) / "postmaster.pid"
        if self.dead:
            wait_until("what died is gone", lambda: not os.path.exists(f"/proc/{self.dead}"))
            note.unlink()
            self.dead = None

    def autopsy(self):
        """Starts what died as a server of its own, which nobody follows and nobody is sent to: what it had committed can
        be asked of it. It is the standby again after rejoin()."""
        self.bury()
        (self.standby.port,) = free_ports(1)  # it is writable, and would be taken for the primary
        self.standby.start()
        return self.standby
