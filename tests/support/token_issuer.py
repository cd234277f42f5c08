"""A token service for Debian's docker-registry: signs what it is asked for, for known users, and remembers the requests.

Token authentication as the distribution project specifies it: a GET with Basic credentials or a POST with a refresh
token gives a JWT (RS256), which the registry checks against the issuer's certificate. The openssl command does the
cryptography, so nothing has to be installed.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import pathlib
import subprocess
import threading
import time
import urllib.parse

ISSUER = "contain-tests"
SERVICE = "contain-test-registry"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _openssl(*arguments: str | pathlib.Path, data: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True, check=True).stdout


class TokenIssuer:
    """Serves on loopback between entry and exit.

    Args:
        directory: where its key and certificate are made.
        users: name → password. Others are refused, and so is who gives no name.
        refresh_tokens: accepted by POST.
    """

    def __init__(self, directory: pathlib.Path, users: dict[str, str], refresh_tokens: tuple[str, ...] = ()) -> None:
        self.certificate = directory / "issuer.crt"
        self._key = directory / "issuer.key"
        self._users = users
        self._refresh_tokens = refresh_tokens
        self.requests: list[dict[str, str]] = []
        _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={ISSUER}", "-keyout",
                 self._key, "-out", self.certificate)
        self._key_id = self._libtrust_id()
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                self._answer(issuer._may_get(self.headers.get("Authorization", "")), query)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
                form = urllib.parse.parse_qs(body)
                self._answer(form.get("refresh_token", [""])[0] in issuer._refresh_tokens, form)

            def _answer(self, allowed: bool, query: dict[str, list[str]]) -> None:
                issuer.requests.append({"method": self.command, "path": self.path,
                                        "authorization": self.headers.get("Authorization", "")})
                data = json.dumps({"token": issuer._token(query.get("scope", [])), "expires_in": 300} if allowed else
                                  {"details": "incorrect username or password"}).encode()
                self.send_response(200 if allowed else 401)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.realm = f"http://127.0.0.1:{self._server.server_address[1]}/token"

    def config(self) -> str:
        """The registry's ``auth`` section."""
        return (f"auth:\n  token:\n    realm: {self.realm}\n    service: {SERVICE}\n    issuer: {ISSUER}\n"
                f"    rootcertbundle: {self.certificate}\n")

    def __enter__(self) -> TokenIssuer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _may_get(self, authorization: str) -> bool:
        if not authorization.startswith("Basic "):
            return False
        user, _, password = base64.b64decode(authorization[6:]).decode().partition(":")
        return user in self._users and self._users[user] == password

    def _libtrust_id(self) -> str:
        """The name the registry knows the key by: 240 bits of the public key's hash in groups of base32."""
        public = _openssl("rsa", "-in", self._key, "-pubout", "-outform", "DER")
        text = base64.b32encode(hashlib.sha256(public).digest()[:30]).decode()
        return ":".join(text[i:i + 4] for i in range(0, len(text), 4))

    def _token(self, scopes: list[str]) -> str:
        access = []
        for scope in scopes:
            kind, _, rest = scope.partition(":")
            name, _, actions = rest.rpartition(":")
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        now = int(time.time())
        claims = {"iss": ISSUER, "sub": "tester", "aud": SERVICE, "exp": now + 300, "nbf": now - 10, "iat": now,
                  "jti": f"{time.monotonic_ns()}", "access": access}
        header = {"typ": "JWT", "alg": "RS256", "kid": self._key_id}
        signed = f"{_base64url(json.dumps(header).encode())}.{_base64url(json.dumps(claims).encode())}"
        signature = _openssl("dgst", "-sha256", "-sign", self._key, data=signed.encode())
        return f"{signed}.{_base64url(signature)}"
