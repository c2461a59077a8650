// `chancery keytool …`, and the program called by the name keytool.
#include "appliance/cli/keytool.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "appliance/cli/command.h"
#include "appliance/cli/session.h"
#include "appliance/keytool/keytool.h"
#include "appliance/stores/edited_store.h"
#include "appliance/tls/probe.h"
#include "keystore/fault.h"

namespace chancery::cli {
namespace {

// Stores in place, with a backup set of what was; stores of an appliance as its changes.
class EditedSaver : public keytool::StoreSaver {
 public:
  explicit EditedSaver(std::string state) : state_(std::move(state)) {}

  void save(const keytool::Saving& saving) override {
    stores::EditedStore edited =
        stores::EditedStore::open({.path = saving.path, .state = state_, .doing = saving.what, .asks_nobody = true});
    const ByteView now = edited.bytes();
    if (!std::equal(now.begin(), now.end(), saving.before.begin(), saving.before.end())) {
      throw Failure({.code = "foreign-changed",
                     .subject = saving.path,
                     .cause = "was changed by somebody else meanwhile",
                     .hint = "their file stands; run the command again"});
    }
    // A new file as Java makes it, by the umask, but never writable for others.
    const nlohmann::json outcome = edited.put(saving.store, {.password = saving.password, .former = saving.former},
                                              FileAttributes{.mode = 0644 & ~caller_umask()});
    if (outcome.value("outcome", "") == "done") return;
    throw Failure({.code = "refused",
                   .subject = saving.path,
                   .cause = "the appliance refused the change: " + outcome.dump(),
                   .hint = "`chancery keystore` on the same file tells more"});
  }

 private:
  std::string state_;
};

std::vector<Bytes> chain_of_server(const std::string& server) {
  const ProbeAddress address = parse_address(server, 443);
  const tls::ProbeResult result = tls::probe(address, address.host, std::chrono::seconds(30));
  std::vector<Bytes> chain;
  for (const Certificate& each : result.chain) chain.push_back(each.der());
  return chain;
}

const char* last_part(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash == nullptr ? path : slash + 1;
}

int run_without_options(Session&) {
  throw usage("keytool takes no options of chancery's but --state before it",
              "chancery [--state DIR] keytool -list -keystore FILE");
}

constexpr Example kExamples[] = {
    {"chancery keytool -list -v -keystore server.p12", "what keytool shows"},
    {"chancery keytool -importcert -alias corp -file root.crt -keystore trust.jks", "adds a certificate"},
    {"ln -s \"$(command -v chancery)\" ~/bin/keytool", "scripts that call keytool find this one"}};

constexpr Command kKeytoolCommands[] = {
    {.path = "keytool",
     .doing = "run keytool",
     .summary = "work on Java keystores with keytool's own options",
     .description =
         "The options, questions, messages and exit codes of JDK 17's keytool, without Java: -importcert -list "
         "-exportcert -delete -changealias -storepasswd -keypasswd -importkeystore -printcert -printcertreq -certreq "
         "-genkeypair. `chancery keytool -help` lists them. The program does the same when it is called through a link "
         "named keytool; the package has one in /usr/lib/chancery/bin, out of the way of a JDK's. Files are replaced "
         "as "
         "a whole, and what they were goes into a backup set. Passwords are better given by -storepass:file and "
         "-storepass:env; those on the command line are overwritten there at once.",
     .positionals = {},
     .options = {},
     .examples = kExamples,
     .run = run_without_options}};

}  // namespace

std::span<const Command> keytool_commands() { return kKeytoolCommands; }

std::optional<int> run_keytool(int argc, char** argv) {
  const char* from_environment = std::getenv("CHANCERY_STATE");
  std::string state = from_environment != nullptr && *from_environment != '\0' ? from_environment : "/var/lib/chancery";
  int first = 1;
  if (argc < 1 || std::strcmp(last_part(argv[0]), "keytool") != 0) {
    if (argc > 3 && std::strcmp(argv[1], "--state") == 0) {
      state = argv[2];
      first = 3;
    }
    if (argc <= first || std::strcmp(argv[first], "keytool") != 0) return std::nullopt;
    ++first;
  }
  EditedSaver saver(std::move(state));
  return keytool::run({.saver = saver, .ask_server = chain_of_server}, argc - first, argv + first);
}

}  // namespace chancery::cli
