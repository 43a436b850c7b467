"""The nginx configuration of the repository, with real requests through it."""

import json
import re
import shutil
import socket
import subprocess

import pytest
import requests
from django.conf import settings as django_settings
from django.urls import reverse
from urllib3.exceptions import InsecureRequestWarning

from campaigns.models import Upload
from tests import factories
from tests.processes import ROOT, Process, Stack, database_url, wait_until
from webhooks.models import Delivery
from webhooks.services import renew_address

pytestmark = [
    pytest.mark.stack,
    pytest.mark.filterwarnings(
        f"ignore::{InsecureRequestWarning.__module__}.InsecureRequestWarning"
    ),
    pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed"),
]
HOST = "chumi.example.com"
MOST = django_settings.MAX_UPLOAD_BYTES
AROUND = """
daemon off;
user root;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log {folder}/access.log;
    error_log {folder}/error.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/chumi.conf;
}}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as line:
        return line.getsockname()[1]


class Proxied(Stack):
    """The web processes as nginx sees them: over plain HTTP, under their public name."""

    def _answers(self):
        headers = {"X-Forwarded-Proto": "https", "Host": HOST}
        try:
            return requests.get(f"{self.url}/health/", headers=headers, timeout=2).ok
        except requests.RequestException:
            return False


class Nginx:
    """A real nginx with our file; only addresses and certificates are those of the test."""

    def __init__(self, folder, upstream):
        self.folder = folder
        self.plain, self.tls = free_port(), free_port()
        certificate, key = folder / "fullchain.pem", folder / "privkey.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", f"/CN={HOST}", "-out", certificate, "-keyout", key],
            check=True, capture_output=True,
        )  # fmt: skip
        text = (ROOT / "deploy/nginx.conf").read_text(encoding="utf-8")
        for written, used in {
            "server 127.0.0.1:8000;": f"server {upstream.removeprefix('http://')};",
            "listen 80;": f"listen 127.0.0.1:{self.plain};",
            "listen 443 ssl;": f"listen 127.0.0.1:{self.tls} ssl;",
            f"/etc/ssl/{HOST}/fullchain.pem": str(certificate),
            f"/etc/ssl/{HOST}/privkey.pem": str(key),
            "/var/log/nginx/chumi.log": f"{folder}/chumi.log",
            "/var/log/nginx/chumi.error.log": f"{folder}/chumi.error.log",
        }.items():
            assert text.count(written) == 1, written
            text = text.replace(written, used)
        (folder / "chumi.conf").write_text(text)
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder))
        self.command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
        subprocess.run([*self.command, "-t"], check=True, capture_output=True, text=True)
        self.process = Process(self.command, log=folder / "nginx.log")
        wait_until(lambda: self.get("/health/").ok, what="nginx")

    def url(self, path):
        return f"https://127.0.0.1:{self.tls}{path}"

    def request(self, method, path, *, host=HOST, headers=None, **options):
        headers = {"Host": host, "Referer": f"https://{host}/"} | (headers or {})
        return requests.request(
            method, self.url(path), headers=headers, verify=False, timeout=60,
            allow_redirects=False, **options,
        )  # fmt: skip

    def get(self, path, **options):
        try:
            return self.request("GET", path, **options)
        except requests.ConnectionError:
            answer = requests.Response()
            answer.status_code = 599
            return answer

    def post(self, path, **options):
        return self.request("POST", path, **options)

    def logs(self):
        return "".join(path.read_text() for path in self.folder.glob("*.log"))


@pytest.fixture
def stack(transactional_db, tmp_path, sandbox, settings):
    settings.MEDIA_ROOT = settings.DATA_DIR / "files"
    env = {"HTTPS": "true", "TRUSTED_PROXIES": "1", "ALLOWED_HOSTS": HOST}
    stack = Proxied(tmp_path, database_url(), sandbox, env=env)
    stack.start_web()
    yield stack
    stack.stop()


@pytest.fixture
def nginx(stack, tmp_path):
    folder = tmp_path / "nginx"
    folder.mkdir()
    nginx = Nginx(folder, stack.url)
    yield nginx
    nginx.process.stop()


@pytest.fixture
def upload(nginx, team, marketer, login):
    """Return a function that uploads a file of that size as a browser does."""
    campaign = factories.make_campaign(team, template=factories.make_template(team))
    path = reverse("campaigns:campaign_file", args=(team.slug, campaign.uuid))
    cookies = {name: cookie.value for name, cookie in login(marketer).cookies.items()}
    page = nginx.get(path, cookies=cookies)
    assert page.status_code == 200
    cookies |= page.cookies.get_dict()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]

    def send(size):
        row = b"233244123456,Ama,code\n"
        content = b"phone,name,code\n" + row * (size // len(row) + 1)
        file = {"file": ("people.csv", content[:size])}
        return nginx.post(path, cookies=cookies, files=file, data={"csrfmiddlewaretoken": token})

    return send


def test_pages_health_and_redirects(nginx):
    assert nginx.get("/health/").text == "ok"
    login = nginx.get("/accounts/login/")
    assert login.status_code == 200 and "Log in" in login.text
    # The login page knows that the browser came over HTTPS.
    assert "Secure" in login.headers["Set-Cookie"]
    assert login.headers["Strict-Transport-Security"]
    plain = requests.get(
        f"http://127.0.0.1:{nginx.plain}/accounts/login/?a=b",
        headers={"Host": "attacker.example"}, timeout=10, allow_redirects=False,
    )  # fmt: skip
    assert plain.status_code == 308
    assert plain.headers["Location"] == f"https://{HOST}/accounts/login/?a=b"


def test_uploads_up_to_the_limit_and_above_it(nginx, upload):
    assert upload(MOST).status_code == 302
    assert Upload.objects.get().size == MOST
    ours = upload(MOST + 1)
    assert ours.status_code == 200
    assert "This file is larger than 20 MB." in ours.text
    # nginx's own refusal has no text of ours, by which the page tells both apart.
    proxys = upload(MOST + 2 * 1024 * 1024)
    assert proxys.status_code == 413
    assert "Nothing was saved." in proxys.text and "data-problem" not in proxys.text
    assert Upload.objects.get().size == MOST


def test_a_webhook_arrives_and_its_secret_stands_in_no_log(nginx, team, stack):
    secret = renew_address(team, by=None).secret()
    body = {"event": "message.status", "data": {"messageId": "wamid.x", "status": "delivered"}}
    answer = nginx.post(f"/webhooks/{secret}/", data=json.dumps(body))
    assert (answer.status_code, answer.text) == (200, "ok")
    assert Delivery.objects.filter(team=team).count() == 1
    large = {"event": "x", "data": "a" * (django_settings.MAX_WEBHOOK_BYTES - 100)}
    assert nginx.post(f"/webhooks/{secret}/", data=json.dumps(large)).status_code == 200
    too_large = b"a" * (django_settings.MAX_WEBHOOK_BYTES + 1)
    assert nginx.post(f"/webhooks/{secret}/", data=too_large).status_code == 413
    requests.post(
        f"http://127.0.0.1:{nginx.plain}/webhooks/{secret}/", headers={"Host": HOST},
        json=body, timeout=10, allow_redirects=False,
    )  # fmt: skip
    assert nginx.post(f"/%77ebhooks/{secret}/", data=json.dumps(body)).status_code == 200
    stack.processes[0].stop()
    assert nginx.post(f"/webhooks/{secret}/", data=json.dumps(body)).status_code == 502
    assert nginx.get("/health/").status_code == 502
    assert nginx.get("/t/x/contacts/?q=0244123456").status_code == 502
    assert '"GET /t/x/contacts/" 502' in nginx.logs()
    assert "0244123456" not in nginx.logs()
    assert secret not in nginx.logs()
    assert secret not in stack.log()


def test_another_name_is_refused_and_the_log_says_what_to_set(nginx, stack, team):
    secret = renew_address(team, by=None).secret()
    answer = nginx.post(f"/webhooks/{secret}/", host="other.example.com", data="{}")
    assert answer.status_code == 400
    assert not Delivery.objects.exists()
    wait_until(lambda: "ALLOWED_HOSTS" in stack.log(), what="the log line")
    assert secret not in stack.log()
