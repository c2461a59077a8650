"""The console's API as a browser or a script asks it: sessions with their CSRF token, tokens, forms with files."""
import http.client
import json
import os
import socket
import ssl
import uuid


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:600]!r}"


def form(fields, files=()):
    """multipart/form-data as browsers send it: (content type, body). `fields` and `files` are lists of pairs; a file is a path."""
    boundary = uuid.uuid4().hex
    body = b""
    for name, value in fields:
        value = value if isinstance(value, bytes) else str(value).encode()
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value + b"\r\n"
    for name, path in files:
        with open(path, "rb") as file:
            content = file.read()
        body += (f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{os.path.basename(path)}"\r\n'
                 "Content-Type: application/octet-stream\r\n\r\n").encode() + content + b"\r\n"
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()


class Console:
    """One asker. Every request is a connection of its own, so nothing depends on one staying open."""

    def __init__(self, port, token=None):
        self.port, self.token = port, token
        self.cookie = self.csrf = None

    def ask(self, method, path, body=b"", content_type=None, headers=None, plain=False):
        link = http.client.HTTPSConnection("localhost", self.port, timeout=60, context=ssl._create_unverified_context())
        sent = {}
        if not plain:
            if self.cookie:
                sent["Cookie"] = self.cookie
            if self.csrf and method != "GET":
                sent["X-CSRF-Token"] = self.csrf
            if self.token:
                sent["Authorization"] = "Bearer " + self.token
        if content_type:
            sent["Content-Type"] = content_type
        sent.update(headers or {})
        try:
            link.request(method, path if path.startswith("/api") or plain else "/api/v1" + path, body=body or None,
                         headers={name: value for name, value in sent.items() if value is not None})
            answer = link.getresponse()
            return Reply(answer.status, answer.headers, answer.read())
        finally:
            link.close()

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def send(self, method, path, document=None, **more):
        return self.ask(method, path, json.dumps(document or {}).encode(), "application/json", **more)

    def send_form(self, method, path, fields=(), files=(), **more):
        content_type, body = form(fields, files)
        return self.ask(method, path, body, content_type, **more)

    def sign_in(self, password, user="administrator", code=None, **more):
        fields = [("user", user), ("password", password)] + ([("code", code)] if code else [])
        reply = self.send_form("POST", "/session", fields, **more)
        if reply.status == 200:
            self.cookie = reply.headers["Set-Cookie"].split(";")[0]
            self.csrf = reply.json()["csrf"]
        return reply


def listen(console, patience=30):
    """The console's Server-Sent Events: yields (event, data)."""
    yield from events_at(console.port, f"Cookie: {console.cookie}", patience)


def events_at(port, credential, patience=30):
    """Server-Sent Events of a program; `credential` is a header."""
    raw = socket.create_connection(("localhost", port), timeout=patience)
    with ssl._create_unverified_context().wrap_socket(raw, server_hostname="localhost") as link:
        link.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n{credential}\r\nConnection: close\r\n\r\n".encode())
        text = b""
        while True:
            block = link.recv(65536)
            if not block:
                return
            text += block
            while b"\n\n" in text:
                piece, text = text.split(b"\n\n", 1)
                lines = piece.decode().splitlines()
                event = next((line[7:] for line in lines if line.startswith("event: ")), None)
                data = next((line[6:] for line in lines if line.startswith("data: ")), None)
                if event:
                    yield event, json.loads(data)
