// What `keytool -help` and `keytool -COMMAND -help` show, and the names of the commands.
#include <algorithm>
#include <array>
#include <map>

#include "appliance/keytool/java_ways.h"
#include "appliance/keytool/options.h"

namespace chancery::keytool {
namespace {

struct CommandRow {
  Command command;
  const char* name;
  const char* older_name;  // nullptr: none
  const char* description;
  const char* options;  // keys of `option_rows`, by blanks
};

#define CHANCERY_PROVIDERS "providername addprovider providerclass providerpath"

constexpr std::array commands = {
    CommandRow{Command::certreq, "-certreq", nullptr, "Generates a certificate request",
               "alias sigalg fileout keypass keystore dname ext storepass storetype " CHANCERY_PROVIDERS
               " v protected"},
    CommandRow{Command::changealias, "-changealias", nullptr, "Changes an entry's alias",
               "alias destalias keypass keystore cacerts storepass storetype " CHANCERY_PROVIDERS " v protected"},
    CommandRow{Command::remove, "-delete", nullptr, "Deletes an entry",
               "alias keystore cacerts storepass storetype " CHANCERY_PROVIDERS " v protected"},
    CommandRow{Command::exportcert, "-exportcert", "-export", "Exports certificate",
               "rfc alias fileout keystore cacerts storepass storetype " CHANCERY_PROVIDERS " v protected"},
    CommandRow{Command::genkeypair, "-genkeypair", "-genkey", "Generates a key pair",
               "alias keyalg keysize groupname sigalg dname startdate ext validity keypass keystore signer "
               "signerkeypass storepass storetype " CHANCERY_PROVIDERS " v protected"},
    CommandRow{Command::genseckey, "-genseckey", nullptr, "Generates a secret key",
               "alias keypass keyalg keysize keystore storepass storetype " CHANCERY_PROVIDERS " v protected"},
    CommandRow{Command::gencert, "-gencert", nullptr, "Generates certificate from a certificate request",
               "rfc infile outfile alias sigalg dname startdate ext validity keypass keystore storepass "
               "storetype " CHANCERY_PROVIDERS " v protected"},
    CommandRow{Command::importcert, "-importcert", "-import", "Imports a certificate or a certificate chain",
               "noprompt trustcacerts protected alias filein keypass keystore cacerts storepass "
               "storetype " CHANCERY_PROVIDERS " v"},
    CommandRow{Command::importpass, "-importpass", "-importpassword", "Imports a password",
               "alias keypass keyalg keysize keystore storepass storetype " CHANCERY_PROVIDERS " v protected"},
    CommandRow{Command::importkeystore, "-importkeystore", nullptr, "Imports one or all entries from another keystore",
               "srckeystore destkeystore srcstoretype deststoretype srcstorepass deststorepass srcprotected "
               "destprotected srcprovidername destprovidername srcalias destalias srckeypass destkeypass noprompt "
               "addprovider providerclass providerpath v"},
    CommandRow{Command::keypasswd, "-keypasswd", nullptr, "Changes the key password of an entry",
               "alias keypass new keystore storepass storetype " CHANCERY_PROVIDERS " v"},
    CommandRow{Command::list, "-list", nullptr, "Lists entries in a keystore",
               "rfc alias keystore cacerts storepass storetype " CHANCERY_PROVIDERS " v protected"},
    CommandRow{Command::printcert, "-printcert", nullptr, "Prints the content of a certificate",
               "rfc filein sslserver jarfile keystore storepass storetype trustcacerts " CHANCERY_PROVIDERS
               " v protected"},
    CommandRow{Command::printcertreq, "-printcertreq", nullptr, "Prints the content of a certificate request",
               "filein v"},
    CommandRow{Command::printcrl, "-printcrl", nullptr, "Prints the content of a CRL file",
               "filein keystore storepass storetype trustcacerts " CHANCERY_PROVIDERS " v protected"},
    CommandRow{Command::storepasswd, "-storepasswd", nullptr, "Changes the store password of a keystore",
               "new keystore cacerts storepass storetype " CHANCERY_PROVIDERS " v"},
    CommandRow{Command::showinfo, "-showinfo", nullptr, "Displays security-related information", "tls v"},
};

#undef CHANCERY_PROVIDERS

struct OptionRow {
  const char* key;
  const char* left;
  const char* right;
  const char* left_more = nullptr;  // a second line
  const char* right_more = nullptr;
};

constexpr std::array option_rows = {
    OptionRow{"alias", "-alias <alias>", "alias name of the entry to process"},
    OptionRow{"groupname", "-groupname <name>", "Group name. For example, an Elliptic Curve name."},
    OptionRow{"destalias", "-destalias <alias>", "destination alias"},
    OptionRow{"destkeypass", "-destkeypass <arg>", "destination key password"},
    OptionRow{"destkeystore", "-destkeystore <keystore>", "destination keystore name"},
    OptionRow{"destprotected", "-destprotected", "destination keystore password protected"},
    OptionRow{"destprovidername", "-destprovidername <name>", "destination keystore provider name"},
    OptionRow{"deststorepass", "-deststorepass <arg>", "destination keystore password"},
    OptionRow{"deststoretype", "-deststoretype <type>", "destination keystore type"},
    OptionRow{"dname", "-dname <name>", "distinguished name"},
    OptionRow{"ext", "-ext <value>", "X.509 extension"},
    OptionRow{"fileout", "-file <file>", "output file name"},
    OptionRow{"filein", "-file <file>", "input file name"},
    OptionRow{"infile", "-infile <file>", "input file name"},
    OptionRow{"keyalg", "-keyalg <alg>", "key algorithm name"},
    OptionRow{"keypass", "-keypass <arg>", "key password"},
    OptionRow{"keysize", "-keysize <size>", "key bit size"},
    OptionRow{"keystore", "-keystore <keystore>", "keystore name"},
    OptionRow{"cacerts", "-cacerts", "access the cacerts keystore"},
    OptionRow{"new", "-new <arg>", "new password"},
    OptionRow{"noprompt", "-noprompt", "do not prompt"},
    OptionRow{"outfile", "-outfile <file>", "output file name"},
    OptionRow{"protected", "-protected", "password through protected mechanism"},
    OptionRow{"providerclass", "-providerclass <class>", "add security provider by fully-qualified class name",
              "[-providerarg <arg>]", "configure argument for -providerclass"},
    OptionRow{"addprovider", "-addprovider <name>", "add security provider by name (e.g. SunPKCS11)",
              "[-providerarg <arg>]", "configure argument for -addprovider"},
    OptionRow{"providername", "-providername <name>", "provider name"},
    OptionRow{"providerpath", "-providerpath <list>", "provider classpath"},
    OptionRow{"rfc", "-rfc", "output in RFC style"},
    OptionRow{"sigalg", "-sigalg <alg>", "signature algorithm name"},
    OptionRow{"signer", "-signer <alias>", "signer alias"},
    OptionRow{"signerkeypass", "-signerkeypass <arg>", "signer key password"},
    OptionRow{"srcalias", "-srcalias <alias>", "source alias"},
    OptionRow{"srckeypass", "-srckeypass <arg>", "source key password"},
    OptionRow{"srckeystore", "-srckeystore <keystore>", "source keystore name"},
    OptionRow{"srcprotected", "-srcprotected", "source keystore password protected"},
    OptionRow{"srcprovidername", "-srcprovidername <name>", "source keystore provider name"},
    OptionRow{"srcstorepass", "-srcstorepass <arg>", "source keystore password"},
    OptionRow{"srcstoretype", "-srcstoretype <type>", "source keystore type"},
    OptionRow{"sslserver", "-sslserver <server[:port]>", "SSL server host and port"},
    OptionRow{"jarfile", "-jarfile <file>", "signed jar file"},
    OptionRow{"startdate", "-startdate <date>", "certificate validity start date/time"},
    OptionRow{"storepass", "-storepass <arg>", "keystore password"},
    OptionRow{"storetype", "-storetype <type>", "keystore type"},
    OptionRow{"tls", "-tls", "Displays TLS configuration information"},
    OptionRow{"trustcacerts", "-trustcacerts", "trust certificates from cacerts"},
    OptionRow{"v", "-v", "verbose output"},
    OptionRow{"validity", "-validity <days>", "validity number of days"},
};

const CommandRow& row_of(Command command) {
  return *std::find_if(commands.begin(), commands.end(),
                       [command](const CommandRow& row) { return row.command == command; });
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

std::vector<const OptionRow*> options_of(const CommandRow& row) {
  std::vector<const OptionRow*> found;
  std::string_view keys = row.options;
  while (!keys.empty()) {
    const std::size_t blank = keys.find(' ');
    const std::string_view key = keys.substr(0, blank);
    keys.remove_prefix(blank == std::string_view::npos ? keys.size() : blank + 1);
    for (const OptionRow& option : option_rows) {
      if (option.key == key) found.push_back(&option);
    }
  }
  return found;
}

std::string usage_of(const CommandRow& row) {
  std::string text = std::string("keytool ") + row.name + " [OPTION]...\n\n" + row.description + "\n\nOptions:\n\n";
  const std::vector<const OptionRow*> options = options_of(row);
  std::size_t width = 0;
  for (const OptionRow* option : options) {
    width = std::max(width, std::string_view(option->left).size());
    if (option->left_more != nullptr) width = std::max(width, std::string_view(option->left_more).size());
  }
  for (const OptionRow* option : options) {
    text += " " + padded(option->left, width) + "  " + option->right + "\n";
    if (option->left_more != nullptr) {
      text += "   " + padded(option->left_more, width) + "  " + option->right_more + "\n";
    }
  }
  return text + "\nUse \"keytool -?, -h, or --help\" for this help message\n";
}

}  // namespace

std::string usage_text(std::optional<Command> command) {
  if (command) return usage_of(row_of(*command));
  std::string text = "Key and Certificate Management Tool\n\nCommands:\n\n";
  for (const CommandRow& row : commands) text += " " + padded(row.name, 20) + row.description + "\n";
  return text +
         "\nUse \"keytool -?, -h, or --help\" for this help message\n"
         "Use \"keytool -command_name --help\" for usage of command_name.\n"
         "Use the -conf <url> option to specify a pre-configured options file.\n";
}

const char* name_of(Command command) { return row_of(command).name; }

std::optional<Command> command_named(const std::string& plain) {
  for (const CommandRow& row : commands) {
    if (plain == row.name + 1 || (row.older_name != nullptr && plain == row.older_name + 1)) return row.command;
  }
  return std::nullopt;
}

}  // namespace chancery::keytool
