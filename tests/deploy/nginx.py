"""nginx with the example of `deploy/nginx`, on ports of its own."""

from __future__ import annotations

import base64
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message
from hashlib import sha256
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.browser.driver.site import free_port, wait_for
from tests.deploy.files import DEPLOY
from tests.requirements import nginx

NGINX = nginx() or ""
TEXT = (DEPLOY / "nginx" / "gradus.conf").read_text()
NAME = "gradus.example.org"
CERTIFICATES = f"/etc/letsencrypt/live/{NAME}/"
MAIN = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors info; {user}
events {{ worker_connections 64; }}
http {{
  access_log off; include /etc/nginx/mime.types;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  include {folder}/gradus.conf;
}}
"""


class Front:
    """nginx in front of the web server on the port `upstream`; `static` is the folder of collected static files."""

    def __init__(self, folder: Path, upstream: int, static: Path | None = None) -> None:
        self.folder, self.plain, self.secure = folder, free_port(), free_port()
        self.static = static or folder / "static"
        self.static.mkdir(exist_ok=True)
        self.key_digest = certify(folder)
        text = TEXT.replace("server 127.0.0.1:8000;", f"server 127.0.0.1:{upstream};")
        text = text.replace("listen 80;", f"listen 127.0.0.1:{self.plain};").replace("listen [::]:80;", "")
        text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{self.secure} ssl;").replace(
            "listen [::]:443 ssl;", ""
        )
        text = text.replace(CERTIFICATES, f"{folder}/").replace("/srv/gradus/data/static/", f"{self.static}/")
        (folder / "gradus.conf").write_text(text)
        user = "user root;" if folder.owner() == "root" else ""
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user))

    @contextmanager
    def running(self) -> Iterator[None]:
        with subprocess.Popen(self.argv()) as process:
            try:
                wait_for(self.secure)
                yield
            finally:
                process.terminate()
                process.wait(20)

    def argv(self, *more: str) -> list[str]:
        errors, configuration = self.folder / "errors", self.folder / "nginx.conf"
        return [NGINX, "-p", str(self.folder), "-e", str(errors), "-c", str(configuration), *more]

    def get(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        context = ssl.create_default_context(cafile=str(self.folder / "fullchain.pem"))
        context.check_hostname = False
        link = HTTPSConnection("127.0.0.1", self.secure, timeout=20, context=context)
        link.request(method, path, body, {"Host": NAME, **headers})
        return closed(link)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes


def closed(link: HTTPConnection) -> Answer:
    """What the connection was answered; it is not kept."""
    response = link.getresponse()
    answer = Answer(response.status, response.headers, response.read())
    link.close()
    return answer


def certify(folder: Path) -> str:
    """Writes a key and a certificate for `NAME`, and returns the digest by which Chromium may be told to trust them."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
    signed = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(
        key, hashes.SHA256()
    )
    (folder / "fullchain.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(sha256(public).digest()).decode()
