// The program: answers over its socket, resolves a change in doubt at start, ends at SIGTERM.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "appliance/control/message.h"
#include "backup/journal/journal.h"
#include "keystore/fault.h"
#include "tests/manager/fixture.h"

namespace chancery::manager::testing {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const std::string program = std::string(CHANCERY_BIN_DIR) + "/chancery-manager";

// Asks until somebody answers: the program is up when it does.
json ask(const Desk& desk, const std::string& verb, const json& arguments = json::object()) {
  return json::parse(ask_program(desk.state(), "manager", desk.request(verb, arguments, {})).json);
}

TEST(Process, AnswersChangesAndEndsAtSigterm) {
  const Desk desk(Role::primary);
  const Place place;
  Process process("chancery-manager", desk.state(), place / "log");
  const json status = ask(desk, "status");
  EXPECT_EQ(status["generation"], 1);
  EXPECT_TRUE(status["manager"]["running"].get<bool>());
  EXPECT_EQ(status["appliance"]["name"], appliance_name);
  const json made = ask(desk, "cert-csr", {{"identity", "portal"}});
  EXPECT_EQ(made["outcome"], "done");
  EXPECT_EQ(ask(desk, "status")["generation"], 2);
  EXPECT_THROW(ask(desk, "cert-show", {{"identity", "nobody"}}), Failure);
  EXPECT_NE(shell(program + " --state " + desk.state()).exit, 0) << "a second manager was let in";
  EXPECT_EQ(process.end(SIGTERM), 0);
  EXPECT_FALSE(fs::exists(desk.state() + "/run/manager/control.sock"));
  const std::string log = read_text(place / "log");
  EXPECT_EQ(log.find("PRIVATE KEY"), std::string::npos);
  EXPECT_NE(log.find("asked for cert-csr"), std::string::npos) << log;
}

// A change as a kill after the rename leaves it: the journal is there, the new generation is in force.
void leave_in_doubt(const Desk& desk) {
  ASSERT_EQ(desk.replace("first")["outcome"], "done");
  Folder state = Folder::open(desk.state());
  backup::Journal(state).write({.from = 1,
                                .to = 2,
                                .step = "switched",
                                .cause = {.reason = "replace", .who = "tester (uid 0)", .when = system_now()},
                                .identities = {"console", "portal"},
                                .programs = {},
                                .consumers = {},
                                .foreign = {},
                                .backup_set = {}});
}

TEST(Process, AChangeInDoubtIsResolvedBeforeAnythingIsAnswered) {
  const Desk desk(Role::primary);
  leave_in_doubt(desk);
  EXPECT_EQ(desk.ask("doctor")["status"], 2);
  const Place place;
  Process process("chancery-manager", desk.state(), place / "log");
  const json status = ask(desk, "status");
  EXPECT_TRUE(status["in_doubt"].is_null());
  EXPECT_FALSE(status["last_resolution"].is_null());
  EXPECT_FALSE(fs::exists(desk.state() + "/change.json"));
  EXPECT_EQ(process.end(SIGTERM), 0);
}

TEST(Process, ResolveOnceEndsByItself) {
  const Desk desk(Role::primary);
  leave_in_doubt(desk);
  const ShellResult resolved = shell(program + " --resolve --state " + desk.state());
  EXPECT_EQ(resolved.exit, 0) << resolved.output;
  EXPECT_NE(resolved.output.find("in doubt"), std::string::npos) << resolved.output;
  EXPECT_FALSE(fs::exists(desk.state() + "/change.json"));
  EXPECT_EQ(shell(program + " --resolve --state " + desk.state()).exit, 0);
  const Place place;
  EXPECT_EQ(shell(program + " --resolve --state " + (place / "none")).exit, 0) << "nothing there yet is fine";
  EXPECT_EQ(shell(program + " --nonsense").exit, 2);
}

TEST(Process, AnotherUserMayOnlyLook) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
  const Desk desk(Role::primary);
  const Place place;
  // The state of one user is closed to others by its folders; here they are opened so that the door itself is tested.
  shell("chmod 0755 " + (place / "") + " && d=" + desk.state() +
        " && chmod 0755 $(dirname $d) $d $d/run $d/run/manager");
  Process process("chancery-manager", desk.state(), place / "log");
  ask(desk, "status");
  const std::string client = R"PY(
import json,socket,struct,sys
def ask(verb):
    s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
    body=json.dumps({"verb":verb,"arguments":{}}).encode()
    s.sendall(struct.pack(">I",len(body))+body+struct.pack(">H",0))
    data=b""
    while True:
        part=s.recv(65536)
        if not part: break
        data+=part
    size=struct.unpack(">I",data[:4])[0]
    reply=json.loads(data[4:4+size])
    return reply["error"]["code"] if "error" in reply else "ok"
print(ask("status"),ask("cert-list"),ask("backup-list"),ask("federation-token"))
)PY";
  write_text(place / "client.py", client);
  shell("chmod 0644 " + (place / "client.py"));
  const ShellResult asked = shell("setpriv --reuid=65534 --regid=65534 --clear-groups /usr/bin/python3 " +
                                  (place / "client.py") + " " + desk.state() + "/run/manager/control.sock");
  EXPECT_EQ(asked.output, "ok ok permission-denied permission-denied\n");
  EXPECT_EQ(process.end(SIGTERM), 0);
}

}  // namespace
}  // namespace chancery::manager::testing
