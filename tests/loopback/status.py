"""What `./dev status [--json]` tells: which appliance serves what where, and which collectors are connected."""
import json
import os
import subprocess
import sys

binaries, folder, as_json = sys.argv[1], sys.argv[2], sys.argv[3] == "yes"


def ask(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=30)
    try:
        return json.loads(done.stdout)
    except ValueError:
        return {}


appliances = []
for name in ("primary", "secondary"):
    state = os.path.join(folder, name)
    if not os.path.exists(os.path.join(state, "current")):
        continue
    status = ask(os.path.join(binaries, "chancery"), "--state", state, "--json", "status")
    endpoints = [
        {key: endpoint[key] for key in ("endpoint", "identity", "host", "port")}
        for program in status.get("programs", [])
        for endpoint in program.get("endpoints", [])
    ]
    appliances.append({"name": name, "role": status.get("role", name), "state": state, "endpoints": endpoints})
collectors = []
for name in ("collector-1", "collector-2"):
    state = os.path.join(folder, name)
    if not os.path.exists(os.path.join(state, "settings")):
        continue
    status = ask(os.path.join(binaries, "chancery-collector"), "--state", state, "--status")
    trust = "pinned" if name == "collector-1" else "operating-system"
    collectors.append({"name": name, "state": state, "trust": status.get("trust") or trust, "connected": bool(status.get("connected"))})
answer = {
    "appliances": appliances,
    "collectors": collectors,
    "password_file": os.path.join(folder, "administrator.password"),
}
if as_json:
    print(json.dumps(answer, indent=2))
else:
    for appliance in appliances:
        print(f"{appliance['name']}  ({appliance['state']})")
        for e in appliance["endpoints"]:
            print(f"  {e['endpoint']:<18} {e['host']}:{e['port']:<6} presents {e['identity']}")
        if not appliance["endpoints"]:
            print("  not running")
    for collector in collectors:
        print(f"{collector['name']}  {collector['trust']}, {'connected' if collector['connected'] else 'not connected'}")
    if not appliances:
        print("nothing here yet: ./dev up")
