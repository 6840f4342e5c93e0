"""A libvirt of the test's own with QEMU guests that need no KVM, in a mount namespace. Not for other hypervisors."""
import json
import os
import shutil
import signal
import subprocess

from service import Service, wait_until

# What libvirt keeps outside its socket's folder, and none of which may be the machine's own.
PLACES = {"/etc/libvirt": "etc", "/run/libvirt": "run", "/var/lib/libvirt": "lib", "/var/cache/libvirt": "cache",
          "/var/log/libvirt": "log"}
NOVA = """<metadata><nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1"><nova:name>{title}</nova:name>
<nova:flavor name="m1.tiny"><nova:memory>64</nova:memory><nova:disk>1</nova:disk><nova:swap>0</nova:swap>
<nova:ephemeral>2</nova:ephemeral><nova:vcpus>1</nova:vcpus></nova:flavor><nova:owner><nova:user uuid="u-{title}">alice</nova:user>
<nova:project uuid="p-{title}">shop</nova:project></nova:owner><nova:root type="image" uuid="image-1"/></nova:instance></metadata>"""
GUEST = """<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid>{metadata}<memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{disk}'/><target dev='vda' bus='virtio'/></disk>
<interface type='ethernet'><mac address='{mac}'/><target dev='{tap}'/><model type='virtio'/><driver name='qemu'/>{nwfilter}</interface>
{drive}<memballoon model='virtio'><stats period='5'/></memballoon></devices></domain>"""


def missing():
    """What this machine has not, in words; empty: everything is there."""
    for program in ("libvirtd", "virsh", "qemu-system-x86_64", "qemu-img", "unshare"):
        if not shutil.which(program):
            return f"needs {program}"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        return "needs the right to make a mount namespace"
    return "" if os.path.exists("/dev/net/tun") else "needs /dev/net/tun"


class Libvirt(Service):
    name = "libvirt"

    def __init__(self, folder=None):
        super().__init__(folder)
        self.socket = self.folder / "sock"
        self.url = f"qemu:///system?socket={self.socket}/libvirt-sock-ro"
        self.run_folder = self.folder / "run"
        self.made = []  # mount points that this machine had not
        for place, own in PLACES.items():
            (self.folder / own).mkdir(exist_ok=True)
            if not os.path.isdir(place):
                os.makedirs(place)
                self.made.append(place)
        self.socket.mkdir(exist_ok=True)
        (self.folder / "libvirtd.conf").write_text(
            f'unix_sock_dir = "{self.socket}"\nauth_unix_ro = "none"\nauth_unix_rw = "none"\n')
        (self.folder / "etc/qemu.conf").write_text(
            'user = "root"\ngroup = "root"\nsecurity_driver = "none"\nnamespaces = []\ncgroup_controllers = []\n'
            'stdio_handler = "file"\nremember_owner = 0\n')

    def start(self):
        mounts = "; ".join(f"mount --bind {self.folder / own} {place}" for place, own in PLACES.items())
        self.spawn(["unshare", "--mount", "--propagation", "private", "sh", "-ec",
                    f"{mounts}; exec libvirtd -f {self.folder}/libvirtd.conf -p {self.folder}/libvirtd.pid"])
        wait_until("libvirtd answers", self.answers)

    def answers(self):
        if self.process.poll() is not None:
            raise RuntimeError("libvirtd ended:\n" + (self.folder / "out").read_text()[-3000:])
        return subprocess.run([*self.virsh_words(), "version"], capture_output=True).returncode == 0

    def virsh_words(self):
        return ["virsh", "-q", "-c", f"qemu:///system?socket={self.socket}/libvirt-sock"]

    def virsh(self, *words):
        return self.run([*self.virsh_words(), *words], timeout=120)

    def define(self, number, nova=True, nwfilter="", drive=False):
        """Guest `number`, not started yet; answers its name. `nwfilter` is what its interface refers to, `drive` an
        empty CD-ROM drive and one with a disc in it."""
        name, disk = f"instance-{number:08x}", self.folder / f"disk-{number}.qcow2"
        self.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "64M"])
        disc = self.folder / "disc.iso"
        disc.write_bytes(bytes(374_784))
        cdrom = "<disk type='file' device='cdrom'>{}<target dev='sd{}' bus='scsi'/><readonly/></disk>"
        drives = cdrom.format("", "a") + cdrom.format(f"<source file='{disc}'/>", "b") if drive else ""
        xml = self.folder / f"guest-{number}.xml"
        xml.write_text(GUEST.format(name=name, uuid=self.uuid(number), disk=disk, mac=f"fa:16:3e:00:00:{number:02x}",
                                    tap=self.tap(number), metadata=NOVA.format(title=f"web{number}") if nova else "", drive=drives,
                                    nwfilter=f"<filterref filter='{nwfilter}'/>" if nwfilter else ""))
        self.virsh("define", xml)
        return name

    @staticmethod
    def uuid(number):
        return f"6695eb01-f6a4-8304-79aa-{number:012d}"

    @staticmethod
    def tap(number):
        return f"tally{os.getpid() % 100000}n{number}"

    def write(self, name, size="1M"):
        """Lets the guest's disk be written, as the guest would."""
        told = json.loads(self.virsh("qemu-monitor-command", name, '{"execute":"query-block"}'))
        disk = next(each["qdev"] for each in told["return"] if each.get("inserted"))
        self.virsh("qemu-monitor-command", "--hmp", name, f'qemu-io -d {disk} "aio_write 0 {size}"')
        self.virsh("qemu-monitor-command", "--hmp", name, f'qemu-io -d {disk} "aio_flush"')

    def stats(self, name):
        """`virsh domstats`, as a dictionary of texts."""
        rows = [line.strip().split("=", 1) for line in self.virsh("domstats", name).splitlines() if "=" in line]
        return dict(rows)

    def close(self):
        guests = [int(file.read_text()) for file in (self.run_folder / "qemu").glob("*.pid")]
        self.kill()
        for pid in guests:  # they outlive libvirtd
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        super().close()
        for place in self.made:
            try:
                os.rmdir(place)
            except OSError:
                pass
