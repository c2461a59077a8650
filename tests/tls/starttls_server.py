#!/usr/bin/env python3
# usage: starttls_server.py smtp|ldap|postgres PORT CERT KEY    answers one client: the plain opening, then TLS
import socket, ssl, sys

service, port, cert, key = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
listening = socket.create_server(("127.0.0.1", port))
link, _ = listening.accept()
if service == "smtp":
    link.sendall(b"220-mail.example.com\r\n220 ready\r\n")
    assert link.recv(100).startswith(b"EHLO ")
    link.sendall(b"250-mail.example.com\r\n250-SIZE 1000\r\n250 STARTTLS\r\n")
    assert link.recv(100) == b"STARTTLS\r\n"
    link.sendall(b"220 go ahead\r\n")
if service == "ldap":
    assert b"1.3.6.1.4.1.1466.20037" in link.recv(100)
    link.sendall(bytes.fromhex("300c02010178070a010004000400"))
if service == "postgres":
    assert link.recv(100) == bytes.fromhex("0000000804d2162f")
    link.sendall(b"S")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
try:
    context.wrap_socket(link, server_side=True).recv(1)
except OSError:
    pass
