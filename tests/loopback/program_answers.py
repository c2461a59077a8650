"""Reads `chancery --json status`; exit 0 when the named program runs and answers."""
import json
import sys

programs = json.load(sys.stdin).get("programs", [])
sys.exit(0 if any(p["program"] == sys.argv[1] and p.get("answering") for p in programs) else 1)
