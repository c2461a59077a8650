#include "appliance/keytool/keytool.h"

#include <filesystem>
#include <new>

#include "appliance/keytool/commands.h"
#include "appliance/keytool/java_ways.h"
#include "appliance/keytool/work.h"
#include "keystore/fault.h"

namespace chancery::keytool {
namespace {

constexpr std::size_t shortest_password = 6;

void check_together(const Options& given) {
  if (given.cacerts && (given.keystore || given.type)) {
    fail_as("java.lang.IllegalArgumentException",
            "The -keystore or -storetype option cannot be used with the -cacerts option");
  }
  if (given.is_protected &&
      (given.store_password || given.key_password || given.new_password || given.destination_key_password)) {
    fail_as("java.lang.IllegalArgumentException",
            "if -protected is specified, then -storepass, -keypass, and -new must not be specified");
  }
  if (given.source_is_protected && (given.source_password || given.source_key_password)) {
    fail_as("java.lang.IllegalArgumentException",
            "if -srcprotected is specified, then -srcstorepass and -srckeypass must not be specified");
  }
  if (given.validity_days <= 0) fail_plain("Validity must be greater than zero");
}

void check_lengths(const Options& given) {
  const auto is_short = [](const std::optional<SecretBytes>& password) {
    return password && character_count(*password) < shortest_password;
  };
  if (given.command == Command::genkeypair && is_short(given.key_password)) {
    fail_plain("Key password must be at least 6 characters");
  }
  if (is_short(given.new_password) || is_short(given.destination_key_password)) {
    fail_plain("New password must be at least 6 characters");
  }
}

void warn_of_cacerts(const Options& given, Console& console) {
  if (!given.keystore) return;
  const std::string system = system_cacerts();
  std::error_code error;
  if (!system.empty() &&
      std::filesystem::weakly_canonical(*given.keystore, error) == std::filesystem::weakly_canonical(system, error)) {
    console.err("Warning: use -cacerts option to access cacerts keystore\n");
  }
}

// Aliases that are asked for before the store's password is.
void ask_aliases(Options& given, Console& console) {
  if (given.command == Command::changealias && !given.destination) {
    console.err("Enter destination alias name:  ");
    given.destination = console.read_line();
    if (!given.destination || given.destination->empty()) fail_plain("Must specify destination alias");
  }
  if (given.command == Command::remove && !given.alias) {
    console.err("Enter alias name:  ");
    given.alias = console.read_line();
    if (!given.alias || given.alias->empty()) fail_plain("Must specify alias");
  }
}

// A PKCS12 has one password for all.
void level_key_password(Options& given, const OpenStore& store, Console& console) {
  if (!store.password || !store.is_pkcs12() || !given.key_password) return;
  if (secret_equal(view_of(*given.key_password), view_of(*store.password))) return;
  console.err(
      "Warning:  Different store and key passwords not supported for PKCS12 KeyStores. Ignoring user-specified "
      "-keypass value.\n");
  given.key_password = store.password;
}

bool uses_no_store(Command command) { return command == Command::printcertreq || command == Command::showinfo; }

void perform(Work& work) {
  switch (*work.given.command) {
    case Command::list:
      return list_entries(work);
    case Command::exportcert:
      return export_certificate(work);
    case Command::printcert:
      return print_certificate(work);
    case Command::printcertreq:
      return print_request(work);
    case Command::remove:
      return delete_entry(work);
    case Command::changealias:
      return change_alias(work);
    case Command::storepasswd:
      return change_store_password(work);
    case Command::keypasswd:
      return change_key_password(work);
    case Command::importcert:
      return import_certificate(work);
    case Command::genkeypair:
      return make_key_pair(work);
    case Command::certreq:
      return make_request(work);
    default:
      fail_as("java.lang.UnsupportedOperationException",
              std::string(name_of(*work.given.command)) + " is not known here: run the keytool of a JDK for it");
  }
}

// What exists, which Java looks at before it asks for anything.
void expect_store(const Options& given) {
  const std::string path = given.cacerts ? system_cacerts() : given.keystore.value_or(home_keystore());
  const std::optional<SecretBytes> bytes = read_store_file(path);
  if (bytes && bytes->empty()) fail_plain("Keystore file exists, but is empty: " + path);
  if (!bytes) fail_plain("Keystore file does not exist: " + path);
}

int work_on(Options& given, Console& console, const Surroundings& surroundings, std::vector<std::string> warnings) {
  if (given.command == Command::list && given.verbose && given.rfc) {
    console.err("Must not specify both -v and -rfc with 'list' command\n" + usage_text(given.command));
    return 1;
  }
  check_lengths(given);
  Work work{.given = given, .console = console, .surroundings = surroundings};
  work.warnings = std::move(warnings);
  if (given.command == Command::importkeystore) {
    import_keystore(work);
    work.show_warnings(false);
    return 0;
  }
  if (given.command == Command::changealias || given.command == Command::remove) expect_store(given);
  ask_aliases(given, console);
  if (!uses_no_store(*given.command) && !open_store(work)) {
    work.show_warnings(false);
    return 0;
  }
  level_key_password(given, work.store, console);
  const bool wants_system =
      given.trust_cacerts && (given.command == Command::importcert || given.command == Command::printcert);
  if (wants_system) work.system = open_system_cacerts();
  perform(work);
  if (!uses_no_store(*given.command)) note_proprietary_type(work);
  work.show_warnings(false);
  return 0;
}

// With -v Java says it twice, the second time with its stack.
int show(Console& console, const Failure& failure, bool verbose) {
  const bool is_java = failure.code().starts_with("java");
  std::string text;
  if (is_java) {
    text += failure.code() + (failure.cause().empty() ? "" : ": " + failure.cause());
  } else {
    text += "java.io.IOException: " + (failure.subject().empty() ? "" : failure.subject() + ": ") + failure.cause();
  }
  console.out("keytool error: " + text + "\n" + (verbose ? text + "\n" : ""));
  if (!is_java) console.err("hint: " + failure.hint() + "\n");
  return failure.needs_person() ? 3 : 1;
}

int attempt(Console& console, const Surroundings& surroundings, int argc, char** argv) {
  bool verbose = false;
  try {
    Reading reading = read_options(argc, argv, console);
    verbose = reading.options.verbose;
    if (reading.exit) return *reading.exit;
    warn_of_cacerts(reading.options, console);
    check_together(reading.options);
    return work_on(reading.options, console, surroundings, std::move(reading.warnings));
  } catch (const Failure& failure) {
    return show(console, failure, verbose);
  } catch (const std::bad_alloc&) {
    console.out("keytool error: java.lang.OutOfMemoryError: Java heap space\n");
  } catch (const std::exception& exception) {
    console.out("keytool error: java.lang.RuntimeException: " + std::string(exception.what()) + "\n");
  }
  return 1;
}

}  // namespace

int run(const Surroundings& surroundings, int argc, char** argv) noexcept {
  try {
    Console console;
    const int exit = attempt(console, surroundings, argc, argv);
    return console.flush() || exit != 0 ? exit : 1;
  } catch (...) {
    return 1;
  }
}

}  // namespace chancery::keytool
