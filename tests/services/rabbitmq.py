"""A RabbitMQ of the test's own: Debian's rabbitmq-server on free ports. Not for what is sent through it."""
import os
import signal
import subprocess

from service import Service, free_ports, wait_until

BIN = "/usr/lib/rabbitmq/bin"  # behind Debian's wrapper, which changes user and cookie


class Rabbitmq(Service):
    name = "rabbitmq"

    def __init__(self, folder=None, settings=""):
        """`settings`: further lines of rabbitmq.conf."""
        super().__init__(folder)
        self.settings = settings
        self.port, self.dist_port, self.epmd_port = free_ports(3)
        self.node = f"tally{self.port}@localhost"
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/"
        self.env = dict(os.environ, HOME=str(self.folder), ERL_EPMD_PORT=str(self.epmd_port),
                        ERL_EPMD_ADDRESS="127.0.0.1", RABBITMQ_NODENAME=self.node,
                        RABBITMQ_DIST_PORT=str(self.dist_port), RABBITMQ_CONFIG_FILE=str(self.folder / "rabbitmq.conf"),
                        RABBITMQ_ENABLED_PLUGINS_FILE=str(self.folder / "enabled_plugins"),
                        RABBITMQ_MNESIA_BASE=str(self.folder / "data"), RABBITMQ_LOG_BASE=str(self.folder / "log"),
                        RABBITMQ_PID_FILE=str(self.folder / "pid"),
                        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}")
        self.epmd = None

    def start(self):
        (self.folder / "enabled_plugins").write_text("[].\n")
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\nloopback_users.guest = false\n{self.settings}\n")
        if self.epmd is None:  # our own child: the server would leave one behind
            self.epmd = subprocess.Popen(["epmd", "-port", str(self.epmd_port), "-address", "127.0.0.1"],
                                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
        self.spawn([f"{BIN}/rabbitmq-server"], env=self.env)
        wait_until("RabbitMQ is up", self.answers, 120)

    def answers(self):
        if self.process is None or self.process.poll() is not None:
            raise RuntimeError(f"RabbitMQ ended: {(self.folder / 'out').read_text()[-2000:]}")
        if not (self.folder / "pid").exists():
            return False
        return subprocess.run([f"{BIN}/rabbitmqctl", "-q", "-n", self.node, "await_startup"], env=self.env,
                              capture_output=True).returncode == 0

    def kill(self):
        super().kill()
        (self.folder / "pid").unlink(missing_ok=True)

    def stop(self, seconds=60):
        super().stop(seconds)
        (self.folder / "pid").unlink(missing_ok=True)

    def close(self):
        self.kill()
        if self.epmd is not None:
            self.epmd.send_signal(signal.SIGKILL)
            self.epmd.wait()
            self.epmd = None
        super().close()

    def ctl(self, *words):
        """rabbitmqctl; takes about a second. Its output."""
        return self.run([f"{BIN}/rabbitmqctl", "-q", "-n", self.node, *words], env=self.env)

    def queues(self):
        """{name: messages} of the default virtual host."""
        lines = self.ctl("list_queues", "--no-table-headers", "name", "messages").splitlines()
        return {line.split("\t")[0]: int(line.split("\t")[1]) for line in lines if "\t" in line}

    def declare(self, vhost, queue):
        """A durable queue, as a service makes it."""
        self.ctl("eval", f'rabbit_amqqueue:declare(rabbit_misc:r(<<"{vhost}">>, queue, <<"{queue}">>), true, false, [], none, '
                         '<<"test">>).')

    def undeclare(self, vhost, queue):
        self.ctl("delete_queue", "-p", vhost, queue)

    def cut_connections(self):
        self.ctl("close_all_connections", "test")

    def block_publishers(self, block=True):
        """The memory alarm: whoever publishes is held."""
        self.ctl("set_vm_memory_high_watermark", "0.000001" if block else "0.4")

    @property
    def environment(self):
        """The second one is a command line, to be followed by rabbitmqctl's words."""
        ctl = f"HOME={self.folder} ERL_EPMD_PORT={self.epmd_port} {BIN}/rabbitmqctl -q -n {self.node}"
        return {"TALLY_TEST_AMQP": self.url, "TALLY_TEST_RABBITMQCTL": ctl}
