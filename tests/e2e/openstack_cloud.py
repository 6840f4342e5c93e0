"""A small cloud: Keystone, Cinder, Glance, Neutron, Octavia and Swift over HTTP, in one process, with their pages,
tokens that end, and whatever misbehaviour a test asks for."""
import datetime
import http.server
import json
import ssl
import threading
import time
import urllib.parse

OWN, USER, PASSWORD = "0" * 31 + "1", "meter", "top-secret"
PROJECTS = [OWN, "0" * 31 + "2", "0" * 31 + "3"]


def volume(number):
    return {"id": f"vol-{number:04}", "name": f"data{number}", "size": number, "status": "in-use", "volume_type": "ssd",
            "volume_type_id": "type-1",
            "availability_zone": "nova", "os-vol-host-attr:host": "h1@lvm#pool", "migration_status": None,
            "attachments": [{"server_id": f"vm-{number}"}] if number % 2 else [], "snapshot_id": None,
            "source_volid": None, "user_id": "u1", "os-vol-tenant-attr:tenant_id": PROJECTS[number % 3],
            **({"volume_image_metadata": {"image_id": "img-1"}} if number == 1 else {})}


LISTS = {
    "volumes": [volume(number) for number in range(1, 31)],
    "snapshots": [{"id": "snap-1", "name": "s", "volume_id": "vol-0001", "status": "available", "description": None,
                   "metadata": {"k": "v"}, "os-extended-snapshot-attributes:progress": "100%", "size": 3,
                   "user_id": "u1", "os-extended-snapshot-attributes:project_id": PROJECTS[1]}],
    "backups": [{"id": "bak-1", "name": "b", "object_count": 22, "container": "c", "volume_id": "vol-0001", "size": 4,
                 "is_incremental": True, "status": "available", "description": "d", "os-backup-project-attr:project_id": PROJECTS[2]},
                {"id": "bak-2", "name": "old", "size": 5, "status": "error"}],
    "images": [{"id": "img-1", "name": "debian", "status": "active", "size": 12345678901, "owner": PROJECTS[0],
                "visibility": "public", "tags": ["a"], "min_ram": 0, "protected": False, "checksum": "abc"},
               {"id": "img-2", "name": "queued", "status": "queued", "size": None, "owner": PROJECTS[0]},
               {"id": "img-3", "name": "cirros", "status": "active", "size": 7, "owner": PROJECTS[1]}],
    "floatingips": [{"id": f"fip-{n}", "status": status, "router_id": None, "floating_network_id": "net-1",
                     "fixed_ip_address": None, "port_id": None, "floating_ip_address": f"192.0.2.{n}",
                     "project_id": PROJECTS[0], "tenant_id": PROJECTS[0]}
                    for n, status in enumerate(["ACTIVE", "DOWN", "ERROR", "strange"])],
    "routers": [{"id": "rtr-1", "name": "r", "status": "ACTIVE", "project_id": PROJECTS[1], "ha": True}],
    "networks": [{"id": "net-1", "name": "n", "status": "ACTIVE", "project_id": PROJECTS[1], "router:external": True}],
    "ports": [{"id": f"port-{n}", "name": "", "status": "DOWN", "project_id": PROJECTS[2]} for n in range(3)],
    "loadbalancers": [{"id": "lb-1", "name": "l", "operating_status": "ONLINE", "provisioning_status": "PENDING_UPDATE",
                       "project_id": PROJECTS[0], "vip_address": "192.0.2.9", "vip_port_id": "port-9",
                       "availability_zone": "west"}],
}
POOLS = [{"name": "h1@lvm#pool", "capabilities": {"total_capacity_gb": 100.5, "free_capacity_gb": 60,
                                                   "provisioned_capacity_gb": 120, "allocated_capacity_gb": 40,
                                                   "reserved_percentage": 10, "max_over_subscription_ratio": "20.0",
                                                   "thin_provisioning_support": True, "pool_name": "pool",
                                                   "volume_backend_name": "lvm", "storage_protocol": "iSCSI"}},
         {"name": "h3@lvm#thick", "capabilities": {"total_capacity_gb": 100, "free_capacity_gb": 30,
                                                    "provisioned_capacity_gb": 70, "allocated_capacity_gb": 65,
                                                    "reserved_percentage": 10, "max_over_subscription_ratio": "20.0",
                                                    "thin_provisioning_support": False}},
         {"name": "h2@ceph#rbd", "capabilities": {"total_capacity_gb": "infinite", "free_capacity_gb": "unknown",
                                                   "reserved_percentage": 0}}]
ACCOUNTS = {PROJECTS[0]: [("photos", 3, 1000), ("a b/ü", 1, 24)], PROJECTS[1]: []}
PLACES = {"volumes": "volume", "snapshots": "volume", "backups": "volume", "images": "image", "floatingips": "network",
          "routers": "network", "networks": "network", "ports": "network", "loadbalancers": "load-balancer"}


class Cloud:
    """`token_seconds` is how long a token lives; `page` how many of a list a page has; `odd` maps a path to a function
    of the request's handler, which answers in the service's stead; `store` is the object store's endpoint in the
    catalog, which answers without an account for the token's own project, as Ceph's does."""

    def __init__(self, token_seconds=3600, page=10, certificate=None, store=f"/swift/v1/AUTH_{OWN}"):
        self.token_seconds, self.page, self.odd, self.store = token_seconds, page, {}, store
        self.tokens, self.asked, self.logins = {}, [], []
        self.lock = threading.Lock()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"cloud": self}))
        self.server.daemon_threads = True
        scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def log_in(self, wanted):
        """The answer to a request for a token: status, token, body."""
        methods = wanted["auth"]["identity"]
        if "application_credential" in methods:
            good = methods["application_credential"] == {"id": "app-1", "secret": PASSWORD}
        else:
            user = methods["password"]["user"]
            good = (user == {"name": USER, "domain": {"name": "Default"}, "password": PASSWORD}
                    and wanted["auth"]["scope"] == {"project": {"name": "service", "domain": {"name": "Default"}}})
        if not good:
            return 401, None, {"error": {"message": "no"}}
        with self.lock:
            token = f"token-{len(self.logins)}"
            self.logins.append(methods["methods"])
            self.tokens[token] = time.monotonic() + self.token_seconds
        now = datetime.datetime.now(datetime.timezone.utc)
        form = "%Y-%m-%dT%H:%M:%S.%fZ"
        return 201, token, {"token": {
            "issued_at": now.strftime(form), "project": {"id": OWN},
            "expires_at": (now + datetime.timedelta(seconds=self.token_seconds)).strftime(form),
            "catalog": [{"type": kind, "endpoints": [
                {"interface": "internal", "region_id": "one", "url": "http://127.0.0.1:1/"},
                {"interface": "public", "region_id": "two", "url": "http://127.0.0.1:1/"},
                {"interface": "public", "region_id": "one", "url": self.url + path}]} for kind, path in (
                    ("identity", "/identity"), ("block-storage", f"/volume/v3/{OWN}"), ("image", "/image"),
                    ("network", "/network/"), ("object-store", self.store),
                    ("load-balancer", "/load-balancer"))]}}

    def knows(self, token):
        return time.monotonic() < self.tokens.get(token, 0)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def handle(self):
        try:
            super().handle()
        except OSError:  # the client went away, which some of the tests are about
            pass

    def answer(self, status, body=None, **headers):
        text = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != "/identity/v3/auth/tokens":
            return self.answer(404)
        status, token, answer = self.cloud.log_in(json.loads(body))
        return self.answer(status, answer, **({"X_Subject_Token": token} if token else {}))

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        cloud = self.cloud
        where = urllib.parse.urlsplit(self.path)
        with cloud.lock:
            cloud.asked.append((self.command, self.path))
        if not cloud.knows(self.headers["X-Auth-Token"]):
            return self.answer(401, {})
        if where.path in cloud.odd:
            return cloud.odd[where.path](self)
        parts = where.path.strip("/").split("/")
        if where.path == "/identity/v3/projects":
            return self.answer(200, {"projects": [{"id": one, "name": one[-1], "enabled": True} for one in PROJECTS]
                                     + [{"id": "off", "enabled": False}], "links": {"next": None}})
        if parts[0] == "swift":
            return self.swift(where)
        if where.path == f"/volume/v3/{OWN}/scheduler-stats/get_pools":
            return self.answer(200, {"pools": POOLS})
        name = parts[-2] if parts[-1] == "detail" else parts[-1]
        if PLACES.get(name) != parts[0]:
            return self.answer(404, {})
        return self.listing(name, where)

    def listing(self, name, where):
        """A page of a list, with a link as that service writes it."""
        query = dict(urllib.parse.parse_qsl(where.query))
        begin = int(query.pop("marker", 0))
        end = begin + self.cloud.page
        body = {"first": 1} if name == "images" else {}
        body[name] = LISTS[name][begin:end]
        if end < len(LISTS[name]):
            link = urllib.parse.urlencode({**query, "marker": end})
            if name == "images":
                body["next"] = f"/v2/images?{link}"
            else:  # behind a proxy services often name their own address
                below = where.path.split("/", 2)[2]
                key = "backup_links" if name == "backups" else f"{name}_links"
                body[key] = [{"rel": "previous", "href": "x"}, {"rel": "next", "href": f"http://inner:1/{below}?{link}"}]
        self.answer(200, body)

    def swift(self, where):
        account = where.path.removeprefix("/swift/v1").strip("/")
        project = account.removeprefix("AUTH_") if account else OWN
        account = ACCOUNTS.get(project)
        if account is None:
            return self.answer(404)
        if self.command == "HEAD":
            return self.answer(204, None, X_Account_Container_Count=str(len(account)),
                               X_Account_Object_Count=str(sum(one[1] for one in account)),
                               X_Account_Bytes_Used=str(sum(one[2] for one in account)))
        return self.answer(200, [{"name": name, "count": count, "bytes": size, "storage_policy": "gold"} for name, count, size in account])
